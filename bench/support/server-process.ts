import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

const serverFile = z.object({ pid: z.number(), url: z.string(), key: z.string() });

/** A real, built server in its own process, stopped when disposed; its folder goes too, unless it was given. */
export interface ServerProcess extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
  /** The local administrator's key. */
  readonly key: string;
  readonly dataDir: string;
}

export interface StartOptions {
  /** Program to run with `serve`; default the built server, `dist/main.js`. */
  readonly main?: string;
  /** Folder to use and to leave in place; default one that is made and removed. */
  readonly dataDir?: string;
}

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 60_000;
const POLL_MS = 5;
const ROOT = join(import.meta.dirname, '../..');

/** Starts `serve` on a free port. `env` holds options by their environment names. */
export async function startServerProcess(env: Readonly<Record<string, string>> = {}, options: StartOptions = {}): Promise<ServerProcess> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'polymnia-bench-')));
  const file = join(dataDir, 'server.json');
  // What a server that was killed left behind would be taken for this one's.
  await rm(file, { force: true });
  const main = options.main ?? join(ROOT, 'dist/main.js');
  const child = spawn(process.execPath, [main, 'serve', '--port', '0', '--data-dir', dataDir, '--log-level', 'warn'], {
    cwd: dataDir,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  const stop = async (): Promise<void> => {
    process.off('exit', end);
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit', { signal: AbortSignal.timeout(STOP_LIMIT_MS) });
      child.kill('SIGTERM');
      await ended.catch(() => child.kill('SIGKILL'));
    }
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const started = performance.now();
    const { url, key } = await untilPublished(file, () => {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
      if (performance.now() - started > START_LIMIT_MS) throw new Error('the server did not start in time');
    });
    if (child.pid === undefined) throw new Error('the server has no process');
    return { pid: child.pid, url, key, dataDir, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function untilPublished(path: string, check: () => void): Promise<z.output<typeof serverFile>> {
  for (;;) {
    check();
    try {
      return serverFile.parse(JSON.parse(await readFile(path, 'utf8')));
    } catch {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
