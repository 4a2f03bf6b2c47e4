import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { LogFields, Logger } from '../../kernel/logger.ts';

/** A Redis of one's own, on a socket file, that keeps nothing on disk. */
export interface RedisServer extends AsyncDisposable {
  readonly socket: string;
  /** `unix://…`, for a user without a password. */
  readonly url: string;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again after a kill, empty; resolves when it takes connections. */
  restart(): Promise<void>;
  /** It neither answers nor goes away. */
  pause(): void;
  resume(): void;
}

export async function startRedis(options: readonly string[] = []): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'polymnia-redis-'));
  const socket = join(folder, 'redis.sock');
  const args = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no', '--dir', folder, ...options];
  let server = await launch(args);
  const kill = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  };
  return {
    socket,
    url: `unix://${socket}`,
    kill,
    async restart() {
      server = await launch(args);
    },
    pause: () => void server.kill('SIGSTOP'),
    resume: () => void server.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await kill();
      await rm(folder, { recursive: true });
    },
  };
}

async function launch(args: readonly string[]): Promise<ChildProcess> {
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const failed = once(server, 'exit').then(() => Promise.reject(new Error('redis-server ended')));
  // Once it has started, its end is nobody's error.
  failed.catch(() => {});
  const lines = createInterface(server.stdout);
  const ready = new Promise<void>((resolve) => {
    lines.on('line', (line) => line.includes('ready to accept connections') && resolve());
  });
  await Promise.race([ready, failed]);
  return server;
}

/** A server that says what it is told to: each connection goes to the next of the scripts, and to the last one again. */
export async function startFakeRedis(scripts: readonly ((socket: Socket) => void)[]): Promise<AsyncDisposable & { readonly url: string }> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    scripts[Math.min(count++, scripts.length - 1)]?.(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** What was logged, as text, and a way to wait for it. */
export class LogLines implements Logger {
  readonly lines: string[] = [];
  #look = (): void => {};

  debug = (): void => this.#add('debug');
  info = (message: string): void => this.#add(message);
  warn = (message: string, fields?: LogFields, error?: unknown): void => this.#add(`${message} ${String(fields?.['reason'])}`, error);
  error = this.warn;

  /** Resolves when a line begins so. */
  async until(start: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#look = () => this.lines.some((line) => line.startsWith(start)) && resolve();
    this.#look();
    await promise;
  }

  #add(line: string, error?: unknown): void {
    this.lines.push(error === undefined ? line : `${line} ${String(error)}`);
    this.#look();
  }
}
