import {
  type AuthInfo,
  createMcpHandler,
  isJsonContentType,
  type McpRequestContext,
  ProtocolErrorCode,
  readRequestBody,
} from '@modelcontextprotocol/server';
import type { Gate, PresentedCredential } from '../../domains/admission/index.ts';
import { type Clock, systemClock } from '../../kernel/clock.ts';
import { toPolymniaError, toProblem } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { BoundOperation, Principal } from '../../kernel/operation.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { createMcpExchange, type ExchangeOrigin, type McpExchange } from './mcp-exchange.ts';
import { createToolCatalogue } from './tool-catalogue.ts';

/** Calls in one JSON-RPC array of the older revisions. */
const MAX_BATCH_CALLS = 20;

/** JSON-RPC code for what this server refuses without a code of its own in the protocol. */
const SERVER_REFUSAL = -32000;

export interface McpEndpointDeps {
  readonly operations: readonly BoundOperation[];
  readonly gate: Gate;
  readonly logger: Logger;
  /** The product's version, as clients are told. */
  readonly version: string;
  /** Largest request body in bytes; above it the answer is 413. */
  readonly maxBodyBytes: number;
  /** How long a call waits for its job when it does not say; milliseconds. Clients give up at 60 s. Default: to the end. */
  readonly waitMs?: number;
  readonly clock?: Clock;
  /** For the conformance suite alone: adds its fixtures to a request's server, after the server's own handlers. */
  readonly extraTools?: (exchange: McpExchange) => void;
}

/** Answers one HTTP request to `/mcp`. Never rejects. Host and Origin are checked before it, by the HTTP surface. */
export type McpEndpoint = (request: Request, info: { readonly requestId: string }) => Promise<Response>;

/** Carries the proven caller through the SDK, which hands it on untouched; the token itself goes no further. */
class ExchangeIdentity implements AuthInfo {
  readonly token = '';
  readonly clientId: string;
  readonly scopes: string[];
  readonly origin: ExchangeOrigin;

  constructor(origin: ExchangeOrigin) {
    this.origin = origin;
    this.clientId = origin.principal.credential.id;
    this.scopes = [...origin.principal.credential.scopes];
  }
}

/**
 * MCP over Streamable HTTP, stateless, revisions 2026-07-28 and 2025-11-25 (and older) at one address. Each request is
 * authenticated, then served by a server object of its own; nothing is kept between requests. GET and DELETE, the
 * session operations of older revisions, answer 405.
 *
 * Refusals before a call: 401 or 403 as problem document, 413 body too large, 400 not JSON or a batch above 20 calls.
 * A batch's calls pass the gate one by one, so each counts against the caller's rate.
 */
export function createMcpEndpoint(deps: McpEndpointDeps): McpEndpoint {
  const { gate, logger, maxBodyBytes, extraTools } = deps;
  const catalogue = createToolCatalogue(deps.operations);
  const parts = { catalogue, gate, clock: deps.clock ?? systemClock, version: deps.version, waitMs: deps.waitMs };
  const handler = createMcpHandler(
    (context) => {
      const exchange = createMcpExchange(parts, originOf(context));
      // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK's server is no EventTarget
      exchange.server.onerror = (error) => report(logger, error);
      extraTools?.(exchange);
      return exchange.server;
    },
    { maxRequestBodySize: maxBodyBytes, onerror: (error) => report(logger, error) },
  );

  return async (request, { requestId }) => {
    let principal: Principal;
    try {
      principal = await gate.authenticate(presentedCredential(request.headers));
    } catch (error) {
      return authenticationFailure(error, requestId);
    }
    const authInfo = new ExchangeIdentity({ principal, requestId });
    if (request.method !== 'POST' || !isJsonContentType(request.headers.get('content-type'))) return handler.fetch(request, { authInfo });
    const body = await readJson(request, maxBodyBytes);
    return body instanceof Response ? body : handler.fetch(request, { authInfo, parsedBody: body.value });
  };
}

function originOf({ authInfo }: McpRequestContext): ExchangeOrigin {
  if (authInfo instanceof ExchangeIdentity) return authInfo.origin;
  throw new TypeError('An MCP exchange was started without its caller.');
}

function presentedCredential(headers: Headers): PresentedCredential {
  const authorization = headers.get('authorization');
  const onBehalfOf = headers.get('x-polymnia-user');
  return { ...(authorization === null ? {} : { authorization }), ...(onBehalfOf === null ? {} : { onBehalfOf }) };
}

function authenticationFailure(error: unknown, requestId: string): Response {
  const failure = toPolymniaError(error);
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  if (failure.code === 'unauthenticated') headers.set('www-authenticate', 'Bearer realm="polymnia"');
  if (failure.retryAfterMs !== undefined) headers.set('retry-after', String(Math.ceil(failure.retryAfterMs / 1000)));
  return new Response(JSON.stringify(toProblem(failure, requestId)), { status: failure.status, headers });
}

/** The body, read and parsed here once: the SDK would copy the whole request before parsing it. */
async function readJson(request: Request, maxBytes: number): Promise<{ readonly value: unknown } | Response> {
  let text: string;
  try {
    const read = await readRequestBody(request, maxBytes);
    if (read.tooLarge) return refusal(413, SERVER_REFUSAL, `The request body is larger than ${maxBytes} bytes.`);
    text = read.text;
  } catch {
    // The client hung up or broke its transfer encoding: nobody reads the answer.
    return refusal(400, ProtocolErrorCode.ParseError, 'The request body could not be read.');
  }
  const value = parseJson(text);
  if (value === undefined) return refusal(400, ProtocolErrorCode.ParseError, 'The request body is not valid JSON.');
  if (Array.isArray(value) && value.length > MAX_BATCH_CALLS) {
    return refusal(400, ProtocolErrorCode.InvalidRequest, `A batch holds at most ${MAX_BATCH_CALLS} messages; this one has ${value.length}.`);
  }
  return { value };
}

function refusal(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: '2.0', id: null, error: { code, message } }, { status });
}

/**
 * The SDK reports what it refused and what broke inside alike; only the second needs an operator. A refusal's
 * message may quote the request and is left out.
 */
function report(logger: Logger, error: Error): void {
  if (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError) logger.error('MCP exchange failed', {}, error);
  else logger.debug('MCP request refused', { reason: error.name });
}
