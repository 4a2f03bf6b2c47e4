import { type ServerType, serve } from '@hono/node-server';
import {
  hostHeaderValidationResponse,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
} from '@modelcontextprotocol/server';
import type { Gate } from '../../src/domains/admission/index.ts';
import type { Logger } from '../../src/kernel/logger.ts';
import type { BoundOperation } from '../../src/kernel/operation.ts';
import { createMcpEndpoint } from '../../src/surfaces/mcp/index.ts';
import { mountFixtures } from './fixture-tools.ts';

export interface ConformanceServerDeps {
  readonly operations: readonly BoundOperation[];
  readonly gate: Gate;
  readonly logger: Logger;
  /** A valid key: the suite can send no header of its own, so requests without a credential get this one. */
  readonly key: string;
}

/** A running server; dispose it to close its port and end what is open. */
export interface ConformanceServer extends AsyncDisposable {
  readonly url: string;
}

/** Serves the real operations with the suite's fixtures beside them, through the given gate, on a free loopback port. */
export async function startConformanceServer(deps: ConformanceServerDeps): Promise<ConformanceServer> {
  const endpoint = createMcpEndpoint({ ...deps, version: '0.0.0-conformance', maxBodyBytes: 1 << 20, extraTools: mountFixtures });
  let requests = 0;
  const answer = async (request: Request): Promise<Response> => {
    const refused =
      hostHeaderValidationResponse(request, localhostAllowedHostnames()) ?? originValidationResponse(request, localhostAllowedOrigins());
    if (refused !== undefined) return refused;
    return endpoint(withCredential(request, deps.key), { requestId: `req_${++requests}` });
  };
  const { server, port } = await listen(answer);
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}

function listen(fetch: (request: Request) => Promise<Response>): Promise<{ readonly server: ServerType; readonly port: number }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => resolve({ server, port }));
    server.once('error', reject);
  });
}

function withCredential(request: Request, key: string): Request {
  if (request.headers.has('authorization')) return request;
  const headers = new Headers(request.headers);
  headers.set('authorization', `Bearer ${key}`);
  return new Request(request, { headers });
}
