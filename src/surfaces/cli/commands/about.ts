import { completionScript, SHELLS, type Shell } from '../completion.ts';
import { echo, findCommand, usageError } from '../arguments.ts';
import type { Command } from '../command.ts';
import { commandHelp, generalHelp, groupHelp } from '../help.ts';
import { PolymniaError } from '../../../kernel/errors.ts';

/** `polymnia help [COMMAND]`. */
export const helpCommand: Command = {
  words: ['help'],
  group: 'More',
  summary: 'Show help',
  usage: '[COMMAND]',
  flags: () => [],
  choices: (_operations, commands) => [...new Set(commands.map(({ words }) => words[0] ?? ''))],
  async run({ terminal, deps, commands, positionals }) {
    if (positionals.length === 0) return terminal.print(generalHelp(commands, terminal.palette));
    const { command } = findCommand(positionals, commands);
    if (command !== undefined) return terminal.print(commandHelp(command, deps.operations, terminal.palette));
    const siblings = commands.filter(({ words }) => words[0] === positionals[0]);
    if (siblings.length === 0)
      throw new PolymniaError('invalid_input', `There is no command ${echo(positionals.join(' '))}.`, { details: { hint: 'See "polymnia help".' } });
    await terminal.print(groupHelp(siblings, terminal.palette));
  },
};

/** `polymnia version`. */
export const versionCommand: Command = {
  words: ['version'],
  group: 'More',
  summary: 'Show the version',
  flags: () => [],
  async run({ terminal, deps, isJson }) {
    if (isJson) return terminal.printJson({ version: deps.version, node: deps.nodeVersion });
    await terminal.print(`polymnia ${deps.version} (Node ${deps.nodeVersion})`);
  },
};

function isShell(word: string | undefined): word is Shell {
  return SHELLS.some((shell) => shell === word);
}

/** `polymnia completion SHELL`. */
export const completionCommand: Command = {
  words: ['completion'],
  group: 'More',
  summary: 'Print a completion script for a shell',
  usage: SHELLS.join('|'),
  notes: ['bash: source <(polymnia completion bash)', 'zsh:  source <(polymnia completion zsh)', 'fish: polymnia completion fish | source'],
  flags: () => [],
  choices: () => SHELLS,
  async run({ terminal, deps, commands, positionals, command }) {
    const [shell] = positionals;
    if (!isShell(shell)) throw usageError(`"completion" needs the name of a shell: ${SHELLS.join(', ')}.`, command);
    await terminal.print(completionScript(shell, commands, deps.operations));
  },
};
