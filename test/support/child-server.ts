import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../../src/config/options.ts';
import { operations } from '../../src/app/operations.ts';
import { type Answer, type Caller, callRest, type Input, operationNamed, overSocket, type Send } from './wire.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const START_LIMIT_MS = 20_000;
const LOOK_MS = 5;

/** The product as its users run it: a process of its own, over sockets. */
export interface ChildServer extends AsyncDisposable {
  /** Of the server itself, also under a tracer. */
  readonly pid: number;
  readonly url: string;
  /** The owner's. */
  readonly admin: Caller;
  readonly send: Send;
  rest(caller: Caller, name: string, input?: Input, headers?: Record<string, string>): Promise<Answer>;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code, or the signal that ended it. */
  stop(): Promise<number | string>;
}

export interface ChildOptions {
  readonly dataDir: string;
  readonly settings?: Partial<Settings>;
  /** A command the server runs under, such as `strace` and its arguments. */
  readonly under?: readonly string[];
}

/** Starts the product on the data folder and waits until it answers. */
export async function startChild({ dataDir, settings = {}, under = [] }: ChildOptions): Promise<ChildServer> {
  const published = join(dataDir, 'server.json');
  await mkdir(dataDir, { recursive: true });
  // What a killed server left there is no sign of the new one.
  await rm(published, { force: true });
  const server = [process.execPath, MAIN, 'serve', '--port', '0', '--data-dir', dataDir];
  const [command = '', ...args] = under.concat(server);
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env: environment(dataDir, settings), cwd: dataDir });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr = (stderr + chunk).slice(-4000)));
  const gone = once(child, 'exit') as Promise<[number | null, string | null]>;
  try {
    const { pid, url, key } = await untilPublished(published, child, () => stderr);
    return handle(pid, url, { key }, gone);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

function handle(pid: number, url: string, admin: Caller, gone: Promise<[number | null, string | null]>): ChildServer {
  const send = overSocket(url);
  const kill = async (): Promise<void> => {
    signal(pid, 'SIGKILL');
    await gone;
  };
  return {
    pid,
    url,
    admin,
    send,
    rest(caller, name, input = {}, headers = {}) {
      return callRest(send, caller, operationNamed(operations, name), input, { headers });
    },
    kill,
    async stop() {
      signal(pid, 'SIGTERM');
      const [code, by] = await gone;
      return code ?? by ?? 'unknown';
    },
    [Symbol.asyncDispose]: kill,
  };
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function environment(dataDir: string, settings: Partial<Settings>): Record<string, string> {
  const options = Object.entries(settings).map(([name, value]) => [`POLYMNIA_${name}`, String(value)]);
  const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env;
  // What else runs on this machine is none of a test's business.
  return { PATH, NODE_COMPILE_CACHE, HOME: dataDir, POLYMNIA_CHAT_PROBE: 'false', ...Object.fromEntries(options) };
}

async function untilPublished(
  path: string,
  child: ChildProcess,
  stderr: () => string,
): Promise<{ readonly pid: number; readonly url: string; readonly key: string }> {
  const end = performance.now() + START_LIMIT_MS;
  while (performance.now() < end && child.exitCode === null && child.signalCode === null) {
    const server = read(path);
    if (server !== undefined) return server;
    await delay(LOOK_MS);
  }
  throw new Error(`the server did not start: ${stderr()}`);
}

function read(path: string): { readonly pid: number; readonly url: string; readonly key: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as { pid: number; url: string; key: string };
  } catch {
    // Not there yet.
    return undefined;
  }
}
