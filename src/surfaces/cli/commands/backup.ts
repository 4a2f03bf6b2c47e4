import { isAbsolute, resolve } from 'node:path';
import type { Progress } from '../../../kernel/operation.ts';
import { isSet, usageError } from '../arguments.ts';
import type { Command, Flag, Invocation } from '../command.ts';
import { dataDirOf } from '../find-server.ts';
import { formatBytes, plural } from '../human-values.ts';
import { viewOf } from '../operation-command.ts';
import { ProgressBar } from '../progress-bar.ts';
import { isFields, renderValue } from '../render-value.ts';
import { serverChoice } from '../server-choice.ts';
import { safeLine } from '../terminal-text.ts';

const OPERATION = 'create_backup';

function oneDirectory({ positionals, command }: Invocation): string {
  const [directory] = positionals;
  if (directory === undefined || positionals.length > 1) throw usageError(`"${command.words.join(' ')}" takes one folder.`, command);
  return directory;
}

/** `polymnia backup`: the running server copies everything into a new folder of its own machine. */
export const backupCommand: Command = {
  words: ['backup'],
  group: 'Moving data',
  summary: 'Copy everything stored into a new folder while the server runs',
  usage: 'DIR',
  needs: [OPERATION],
  takesPath: true,
  notes: ['DIR is made by the server, on its machine. It appears when it is complete.'],
  flags: () => [],
  async run(invocation) {
    const { terminal, deps } = invocation;
    const given = oneDirectory(invocation);
    const client = await invocation.client();
    if (!client.target.isLocal && !isAbsolute(given))
      throw usageError('DIR must be an absolute path when the server is named by its address: it is a folder there.', backupCommand);
    using bar = new ProgressBar(terminal, deps.clock);
    const directory = client.target.isLocal ? resolve(deps.cwd, given) : given;
    const answer = await client.callWithProgress(OPERATION, { directory }, (progress: Progress) => bar.show(progress));
    bar[Symbol.dispose]();
    if (invocation.isJson) return terminal.printJson(answer);
    await terminal.print(isFields(answer) ? backupLine(answer, terminal.palette.good('Backed up')) : renderValue(answer, viewOf(invocation)));
  },
};

function backupLine(answer: Readonly<Record<string, unknown>>, done: string): string {
  const number = (name: string): number => (typeof answer[name] === 'number' ? answer[name] : 0);
  return `${done} ${plural(number('files'), 'file')} (${formatBytes(number('bytes'))}) to ${safeLine(String(answer['directory']))}`;
}

const FORCE: Flag = { name: 'force', type: 'boolean', description: 'Put aside what the data folder holds now.' };

/** `polymnia restore`: a backup becomes the data folder, while no server runs on it. */
export const restoreCommand: Command = {
  words: ['restore'],
  group: 'Moving data',
  summary: 'Make a backup the data folder; the server must be stopped',
  usage: 'DIR',
  takesPath: true,
  notes: ['DIR is a folder that "polymnia backup" made. --data-dir names the folder to fill.'],
  flags: () => [FORCE],
  async run(invocation) {
    const { terminal, deps, values } = invocation;
    const backupDir = resolve(deps.cwd, oneDirectory(invocation));
    const dataDir = dataDirOf(serverChoice(values), deps);
    const report = await deps.hooks.restore({ backupDir, dataDir, force: isSet(values, 'force') });
    if (invocation.isJson) return terminal.printJson(report);
    await terminal.print(`${terminal.palette.good('Restored')}\n${renderValue(report, viewOf(invocation))}`);
  },
};
