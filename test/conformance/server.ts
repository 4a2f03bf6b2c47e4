import { type ServerType, serve } from '@hono/node-server';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from '../../src/app/server.ts';
import { settingsWith } from '../../src/config/settings.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { mountFixtures } from './fixture-tools.ts';

/** A running server; dispose it to close its port and end what is open. */
export interface ConformanceServer extends AsyncDisposable {
  readonly url: string;
}

/**
 * The product's own server, its whole pipeline, with the suite's fixtures mounted beside the real tools through the same gate.
 * The suite can send no header of its own: a front on a free loopback port gives requests without a credential the owner's.
 */
export async function startConformanceServer(): Promise<ConformanceServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'polymnia-conformance-data-'));
  const settings = settingsWith({ DATA_DIR: dataDir, PORT: 0, RATE_LIMIT_MEMORY_PER_MIN: 100_000 });
  const server = await startServer(settings, silentLogger, { extraTools: mountFixtures, checkOutputs: true });
  const front = await listen((request) => server.fetch(withCredential(request, server.localKey)));
  return {
    url: `http://127.0.0.1:${front.port}/mcp`,
    async [Symbol.asyncDispose]() {
      await close(front.server);
      await server.stop(0);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function listen(fetch: (request: Request) => Promise<Response>): Promise<{ readonly server: ServerType; readonly port: number }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => resolve({ server, port }));
    server.once('error', reject);
  });
}

function close(server: ServerType): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
}

function withCredential(request: Request, key: string): Request {
  if (request.headers.has('authorization')) return request;
  const headers = new Headers(request.headers);
  headers.set('authorization', `Bearer ${key}`);
  return new Request(request, { headers });
}
