import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

const serverFile = z.object({ pid: z.number(), url: z.string(), key: z.string() });

/** A real, built server in its own process on a scratch folder, stopped and cleaned up when disposed. */
export interface ServerProcess extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
  /** The local administrator's key. */
  readonly key: string;
  readonly dataDir: string;
}

const START_LIMIT_MS = 20_000;
const POLL_MS = 20;
const ROOT = join(import.meta.dirname, '../..');

/** Starts `dist/main.js serve` on a free port. `env` holds options by their environment names. */
export async function startServerProcess(env: Readonly<Record<string, string>> = {}, main = join(ROOT, 'dist/main.js')): Promise<ServerProcess> {
  const dataDir = await mkdtemp(join(tmpdir(), 'polymnia-bench-'));
  const child = spawn(process.execPath, [main, 'serve', '--port', '0', '--data-dir', dataDir, '--log-level', 'warn'], {
    cwd: dataDir,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const started = performance.now();
  const { url, key } = await untilPublished(join(dataDir, 'server.json'), () => {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    if (performance.now() - started > START_LIMIT_MS) throw new Error('the server did not start in time');
  });
  if (child.pid === undefined) throw new Error('the server has no process');
  return {
    pid: child.pid,
    url,
    key,
    dataDir,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
      await rm(dataDir, { recursive: true, force: true });
    },
  };
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
