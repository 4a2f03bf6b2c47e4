import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep } from '../../../kernel/abort.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import type { CliHooks } from '../cli-deps.ts';
import { readServerFile, type ServerTarget } from '../find-server.ts';

/** A server of its own on a folder that is thrown away; disposing it stops the server and removes the folder. */
export interface ScratchServer extends AsyncDisposable {
  readonly target: ServerTarget;
}

export interface ScratchDeps {
  readonly hooks: Pick<CliHooks, 'spawnServer'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const START_LIMIT_MS = 15_000;
const STOP_LIMIT_MS = 10_000;
const POLL_MS = 20;

/** Starts a server process on a scratch folder and a free port, with these option flags. */
export async function startScratchServer(flags: readonly string[], { hooks, clock, signal }: ScratchDeps): Promise<ScratchServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'polymnia-demo-'));
  let pid: number | undefined;
  const dispose = async (): Promise<void> => {
    // An interrupt while it started must not leave it behind.
    pid ??= (await readServerFile(dataDir))?.pid;
    if (pid !== undefined) await endProcess(pid, clock);
    await rm(dataDir, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await hooks.spawnServer(['--data-dir', dataDir, '--port', '0', '--log-level', 'warn', ...flags]);
    const server = await untilPublished(dataDir, clock, signal);
    pid = server.pid;
    return { target: { url: server.url, key: server.key, isLocal: true }, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function untilPublished(
  dataDir: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ readonly pid: number; readonly url: string; readonly key: string }> {
  const limit = clock.monotonic() + START_LIMIT_MS;
  while (clock.monotonic() < limit) {
    const server = await readServerFile(dataDir);
    if (server !== undefined) return server;
    await sleep(clock, POLL_MS, signal);
  }
  throw new PolymniaError('timed_out', `The server did not start within ${START_LIMIT_MS / 1000} s.`);
}

/** Asks it to stop, and insists when it takes too long. */
async function endProcess(pid: number, clock: Clock): Promise<void> {
  const never = new AbortController().signal;
  const limit = clock.monotonic() + STOP_LIMIT_MS;
  if (!kill(pid, 'SIGTERM')) return;
  while (clock.monotonic() < limit) {
    await sleep(clock, POLL_MS, never);
    if (!kill(pid, 0)) return;
  }
  kill(pid, 'SIGKILL');
}

/** False when there is no such process any more. */
function kill(pid: number, signal: 'SIGTERM' | 'SIGKILL' | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
