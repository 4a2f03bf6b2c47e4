import { flagOf, OPTION_NAMES, OPTIONS, type AnyOption } from '../../../config/options.ts';
import type { Command, Flag, Invocation } from '../command.ts';
import { echo, parseArguments, usageError } from '../arguments.ts';
import { flagList } from '../help.ts';

/** Every row of the option table as a flag. */
export const optionFlags: readonly Flag[] = OPTION_NAMES.map((name) => {
  const option: AnyOption = OPTIONS[name];
  const initial = Array.isArray(option.default) ? option.default.join(',') : String(option.default);
  const facts = [initial === '' ? undefined : `Default ${initial}${option.unit === undefined ? '' : ` ${option.unit}`}.`];
  return {
    name: flagOf(name).slice(2),
    type: 'string',
    placeholder: option.type === 'text' ? 'TEXT' : option.type === 'list' ? 'A,B' : 'N',
    description: [option.help, ...facts].filter((part) => part !== undefined).join(' '),
  };
});

function serveHelp({ terminal: { palette } }: Invocation): string {
  const groups = [...new Set(OPTION_NAMES.map((name) => OPTIONS[name].group))];
  return [
    'Run the server until it is interrupted.',
    '',
    `${palette.bold('Usage')}  polymnia serve [options]`,
    '',
    'Each option may also be set in the environment or in .env: --max-storage-mb is MAX_STORAGE_MB or POLYMNIA_MAX_STORAGE_MB.',
    ...groups.flatMap((group) => {
      const flags = optionFlags.filter((_, at) => OPTION_NAMES[at] !== undefined && OPTIONS[OPTION_NAMES[at]].group === group);
      return ['', palette.bold(group), flagList(flags, palette)];
    }),
  ].join('\n');
}

/** `polymnia serve`: the server in the foreground. */
export const serveCommand: Command = {
  words: ['serve'],
  group: 'Server',
  summary: 'Run the server',
  parsesItself: true,
  needsOwnHelp: true,
  flags: () => optionFlags,
  async run(invocation) {
    const { deps, terminal, argv } = invocation;
    if (argv.includes('--help') || argv.includes('-h')) return terminal.print(serveHelp(invocation));
    const [extra] = parseArguments(argv, optionFlags, serveCommand).positionals;
    if (extra !== undefined) throw usageError(`"serve" takes no arguments, but was given ${echo(extra)}.`, serveCommand);
    return deps.hooks.serve(argv, { stdout: deps.stdout, stderr: deps.stderr, isTty: deps.isTty, signal: terminal.signal });
  },
};
