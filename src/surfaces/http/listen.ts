import { getRequestListener } from '@hono/node-server';
import { createServer, type Server, type ServerOptions } from 'node:http';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';

/** Limits of connections; times in milliseconds. */
export interface ListenSettings {
  /** A client must have sent its headers within this time. */
  readonly headersTimeoutMs: number;
  /** A client must have sent its whole request within this time: the longest any route allows. Routes hold their bodies to shorter ones. */
  readonly requestTimeoutMs: number;
  /** An idle connection is kept for so long. Default 30,000. */
  readonly keepAliveTimeoutMs?: number;
  /** Connections at once; further ones are closed at once. Default 10,000. */
  readonly maxConnections?: number;
}

export interface ListenOptions {
  /** The app's `fetch`. */
  readonly fetch: Parameters<typeof getRequestListener>[0];
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly settings: ListenSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A server that accepts connections. */
export interface Listener {
  /** As a client on this machine would write it, e.g. `http://127.0.0.1:4100`. */
  readonly url: string;
  readonly port: number;
  /** Takes no more connections, lets running requests finish for `graceMs`, then cuts them off. A later call may only shorten the time. */
  close(graceMs: number): Promise<void>;
}

const MAX_HEADER_BYTES = 16 * 1024;
const KEEP_ALIVE_MS = 30_000;
const MAX_CONNECTIONS = 10_000;
/** How often late or slow requests are looked for. */
const CHECK_MS = 1000;
/** How often, while closing, connections that became idle are closed: nobody else does. */
const IDLE_SWEEP_MS = 50;

/** Starts listening. Rejects with `conflict` when the port is taken, `invalid_input` when the address is not ours. */
export async function listenHttp(options: ListenOptions): Promise<Listener> {
  const server = createNodeServer(options);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, options)));
    server.listen(options.port, options.host, resolve);
  });
  server.removeAllListeners('error');
  server.on('error', (error) => options.logger.error('the listening socket failed', {}, error));
  const port = portOf(server);
  return { url: urlOf(options.host, port), port, close: createClose(server, options.clock) };
}

function createNodeServer({ fetch, settings }: ListenOptions): Server {
  const limits: ServerOptions = {
    headersTimeout: settings.headersTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    keepAliveTimeout: settings.keepAliveTimeoutMs ?? KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.min(CHECK_MS, settings.headersTimeoutMs),
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  // The name stands in for a missing Host, so that such a request reaches the check that refuses it.
  const answer = getRequestListener(fetch, { hostname: 'localhost' });
  const server = createServer(limits, (incoming, outgoing) => void answer(incoming, outgoing));
  server.maxConnections = settings.maxConnections ?? MAX_CONNECTIONS;
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new PolymniaError('internal', 'A listening server has no port.');
  return address.port;
}

function listenError(error: NodeJS.ErrnoException, { host, port }: ListenOptions): PolymniaError {
  if (error.code === 'EADDRINUSE')
    return new PolymniaError('conflict', `Port ${port} on ${host} is taken; stop what uses it or set PORT.`, { cause: error });
  if (error.code === 'EACCES')
    return new PolymniaError('forbidden', `Port ${port} on ${host} needs more rights; choose one above 1023.`, { cause: error });
  return new PolymniaError(
    'invalid_input',
    `Cannot listen on ${host}, port ${port} (${error.code ?? 'unknown'}); HOST must be an address of this machine.`,
    { cause: error },
  );
}

/** A bind to all addresses is reached over loopback. */
function urlOf(host: string, port: number): string {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}

function createClose(server: Server, clock: Clock): Listener['close'] {
  let closing: Promise<void> | undefined;
  const cancels: (() => void)[] = [];

  const start = (): Promise<void> =>
    new Promise((resolve) => {
      let cancelSweep: (() => void) | undefined;
      const sweep = (): void => {
        server.closeIdleConnections();
        cancelSweep = clock.after(IDLE_SWEEP_MS, sweep);
      };
      server.close(() => {
        cancelSweep?.();
        for (const cancel of cancels) cancel();
        resolve();
      });
      sweep();
    });

  return (graceMs) => {
    closing ??= start();
    if (graceMs <= 0) server.closeAllConnections();
    else cancels.push(clock.after(graceMs, () => server.closeAllConnections()));
    return closing;
  };
}
