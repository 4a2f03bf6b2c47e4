import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { inspectOffline, restore } from '../../app/offline.ts';
import { type RunningServer, startServer } from '../../app/server.ts';
import { settingsWith } from '../../config/settings.ts';
import { systemClock } from '../../kernel/clock.ts';
import { silentLogger } from '../../kernel/logger.ts';
import type { CliDeps, CliHooks } from './cli-deps.ts';
import { runCli } from './run-cli.ts';

/** What one run of the command line left behind. */
export interface CliRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A real server on a folder of its own, and the command line beside it. */
export interface CliBench extends AsyncDisposable {
  readonly folder: string;
  readonly dataDir: string;
  readonly server: RunningServer;
  /** Runs a command as a user of this machine would, without a terminal. */
  run(argv: readonly string[], over?: Partial<CliDeps>): Promise<CliRun>;
  /** A file beside the data folder. */
  file(name: string, content: string | Uint8Array): Promise<string>;
}

/** Collects what is written to it. */
export class Collected extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

/** Starts a server on a scratch folder; it goes with the bench. */
export async function openCliBench(): Promise<CliBench> {
  const folder = await mkdtemp(join(tmpdir(), 'polymnia-cli-'));
  await chmod(folder, 0o700);
  const dataDir = join(folder, 'data');
  const limits = { RATE_LIMIT_MEMORY_PER_MIN: 10_000, RATE_LIMIT_ADMIN_PER_MIN: 10_000, RATE_LIMIT_BULK_PER_HOUR: 1000 };
  const server = await startServer(settingsWith({ DATA_DIR: dataDir, PORT: 0, MAX_IMPORT_BYTES: 4 * 1024 * 1024, ...limits }), silentLogger);
  return {
    folder,
    dataDir,
    server,
    run: (argv, over = {}) => runWith({ argv, cwd: folder, env: { DATA_DIR: dataDir }, operations: server.operations, ...over }),
    async file(name, content) {
      const path = join(folder, name);
      await writeFile(path, content);
      return path;
    },
    async [Symbol.asyncDispose]() {
      await server.stop(0);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const refuse = (): Promise<never> => Promise.reject(new Error('this hook is not to be called here'));

/** Hooks for runs that need none of them. */
export const refusingHooks: CliHooks = {
  serve: refuse,
  spawnServer: refuse,
  restore: refuse,
  inspectOffline: refuse,
  checkModels: refuse,
  checkRedis: refuse,
};

/** Runs a command with collected output; `serve` only tells its flags, and no server is ever started. */
export async function runWith(deps: Partial<CliDeps> & Pick<CliDeps, 'argv' | 'cwd' | 'operations'>): Promise<CliRun> {
  const [stdout, stderr] = [new Collected(), new Collected()];
  const signal = deps.signal ?? new AbortController().signal;
  const code = await runCli({
    env: {},
    stdin: Readable.from([]),
    stdout,
    stderr,
    isTty: false,
    signal,
    clock: systemClock,
    version: '1.2.3',
    nodeVersion: process.version,
    timeZone: 'UTC',
    hooks: {
      ...refusingHooks,
      serve: async (flags, io) => {
        io.stdout.write(`serve ${flags.join(' ')}\n`);
        return 0;
      },
      restore: (options) => restore(options, signal),
      inspectOffline: (dataDir, onProgress) => inspectOffline(dataDir, signal, onProgress),
      checkModels: async () => ({ name: 'chat model', ok: true, detail: 'not looked for' }),
      checkRedis: async () => ({ name: 'redis', ok: true, detail: 'not asked' }),
    },
    ...deps,
  });
  return { code, out: stdout.text, err: stderr.text };
}

/** A stream that stays open, with what was written to it so far. */
export function openInput(text: string): PassThrough {
  const stream = new PassThrough();
  stream.write(text);
  return stream;
}
