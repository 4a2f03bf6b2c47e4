import { join } from 'node:path';
import type { Settings } from '../../../config/options.ts';
import { loadSettings } from '../../../config/settings.ts';
import { ERROR_TABLE, PolymniaError } from '../../../kernel/errors.ts';
import { isSet, usageError } from '../arguments.ts';
import type { Check } from '../cli-deps.ts';
import type { Command, Flag, Invocation } from '../command.ts';
import { checkFolder, checkLock, checkOpenFiles, checkPort, checkRuntime, checkSpace, checkSync } from '../doctor/check-machine.ts';
import { checkServer } from '../doctor/check-server.ts';
import { dataDirOf } from '../find-server.ts';
import { ProgressBar } from '../progress-bar.ts';
import { serverChoice } from '../server-choice.ts';
import { padEnd, safeLine } from '../terminal-text.ts';

const OFFLINE: Flag = { name: 'offline', type: 'boolean', description: 'Check every file; the server must be stopped.' };

/** `polymnia doctor`: looks at everything a server needs, and says what to do about what is wrong. */
export const doctorCommand: Command = {
  words: ['doctor'],
  group: 'Server',
  summary: 'Check runtime, disk, port, clock, rights, server and files',
  flags: () => [OFFLINE],
  async run(invocation) {
    const { terminal, positionals } = invocation;
    if (positionals.length > 0) throw usageError('"doctor" takes no arguments.', doctorCommand);
    const checks: Check[] = [];
    const { palette } = terminal;
    for await (const check of allChecks(invocation)) {
      checks.push(check);
      if (!invocation.isJson)
        await terminal.print(
          `${check.ok ? palette.good('✓') : palette.bad('✗')} ${padEnd(safeLine(check.name), NAME_COLUMNS)}  ${safeLine(check.detail)}`,
        );
    }
    const wrong = checks.filter(({ ok }) => !ok).length;
    if (invocation.isJson) await terminal.printJson({ ok: wrong === 0, checks });
    else await terminal.print(wrong === 0 ? `\n${palette.good('All is well.')}` : `\n${palette.bad(`${wrong} of ${checks.length} need attention.`)}`);
    return wrong === 0 ? 0 : ERROR_TABLE.internal.exitCode;
  },
};

const NAME_COLUMNS = 12;

async function* allChecks(invocation: Invocation): AsyncGenerator<Check> {
  const { deps, terminal, values } = invocation;
  yield checkRuntime(deps.nodeVersion);
  const options = checkOptions(invocation);
  yield options;
  yield await checkOpenFiles();
  const choice = serverChoice(values);
  // Without options nobody knows which folder and port are meant.
  if (!options.ok && choice.dataDir === undefined) return;
  const dataDir = dataDirOf(choice, deps);
  yield await checkFolder(dataDir);
  yield await checkSpace(dataDir);
  yield await checkSync(dataDir, deps.clock);
  if (isSet(values, 'offline')) return yield* checkFiles(invocation, dataDir);
  const server = await checkServer(invocation);
  yield* server.checks;
  if (server.isElsewhere) return;
  yield await checkLock(dataDir, server.answers);
  const { settings } = readSettings(invocation);
  if (settings !== undefined) yield await deps.hooks.checkModels(settings);
  if (settings !== undefined && settings.REDIS_URL !== '') yield await deps.hooks.checkRedis(settings.REDIS_URL);
  if (!server.answers && settings !== undefined && settings.PORT !== 0) yield await checkPort(settings.HOST, settings.PORT, terminal.signal);
}

/** Environment and `.env` as a server would read them. */
function checkOptions(invocation: Invocation): Check {
  const { problem } = readSettings(invocation);
  return { name: 'options', ok: problem === undefined, detail: problem ?? 'environment and .env are valid' };
}

function readSettings({ deps }: Invocation): { readonly settings?: Settings; readonly problem?: string } {
  try {
    return { settings: loadSettings({ env: deps.env, flags: [], dotenvPath: join(deps.cwd, '.env') }) };
  } catch (error) {
    if (error instanceof PolymniaError) return { problem: error.message };
    throw error;
  }
}

async function* checkFiles({ deps, terminal }: Invocation, dataDir: string): AsyncGenerator<Check> {
  using bar = new ProgressBar(terminal, deps.clock);
  try {
    const { checks } = await deps.hooks.inspectOffline(dataDir, (progress) => bar.show(progress));
    bar[Symbol.dispose]();
    yield* checks.map((check) => ({ ...check, name: 'files', detail: check.ok ? check.detail : `${check.name}: ${check.detail}` }));
  } catch (error) {
    if (terminal.signal.aborted || !(error instanceof PolymniaError)) throw error;
    yield { name: 'files', ok: false, detail: error.message };
  }
}
