import { createHash, timingSafeEqual } from 'node:crypto';
import { Hono } from 'hono';
import type { Gate } from '../../domains/admission/index.ts';
import type { JobService } from '../../domains/jobs/index.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { BoundOperation } from '../../kernel/operation.ts';
import type { BodyBudget } from './body-budget.ts';
import { CHAT_ROUTE, chatEndpoint, chatErrorReply } from './chat-route.ts';
import { docsEndpoints } from './docs-page.ts';
import { createGuards, SECURITY_HEADERS } from './guards.ts';
import { jobEventsEndpoint } from './job-events.ts';
import { openAiErrorReply } from './openai/openai-error.ts';
import { createOpenAiRoutes } from './openai/openai-routes.ts';
import { createOpenApi } from './openapi.ts';
import { JOB_EVENTS_PATH } from './openapi-job-events.ts';
import { authenticate, createOperationRoutes } from './operation-routes.ts';
import { createRequestBudgets } from './prepare-call.ts';
import { problemReply, translate, unknownRoute } from './problem.ts';
import { type Endpoint, type Exchange, type HttpContext, type HttpEnv, incomingOf, type Reply, textReply } from './reply.ts';
import { declaredLength, readBytes, SMALL_BODY_BYTES } from './request-body.ts';
import type { BudgetHolder } from './user-budget.ts';
import type { Spool } from './upload.ts';

/** Options of the surface, from the option table. Times in milliseconds, sizes in bytes. */
export interface HttpSettings {
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly maxBodyBytes: number;
  readonly maxImportBytes: number;
  /** A body must arrive within this time; an import may take longer, but never pause for so long. Default 60,000. */
  readonly bodyTimeoutMs?: number;
  /** A reader that takes nothing of its stream for so long is cut off. Default 30,000. */
  readonly stallMs?: number;
  /** Messages of a conversation before the model at `/api/chat`. Default 4. */
  readonly shortTermMessages?: number;
}

export interface HttpDeps {
  readonly operations: readonly BoundOperation[];
  readonly gate: Gate;
  /** Follows jobs. Absent: no event streams of jobs. */
  readonly jobs?: Pick<JobService, 'watch'>;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: HttpSettings;
  readonly version: string;
  isReady(): boolean;
  /** New calls are refused and connections closed after their answer. */
  isDraining(): boolean;
  /** Prometheus text, for administrators or the bearer of `token` (empty = administrators only). */
  readonly metrics?: { text(): Promise<string>; readonly contentType: string; readonly token?: string };
  /** Absent: operations that take uploads refuse raw bodies. */
  readonly spool?: Spool;
  /** Answers `/mcp`; authenticates by itself. Host, Origin, draining and body limits are checked before. */
  readonly mcp?: (request: Request, info: { readonly requestId: string }) => Promise<Response>;
}

const DEFAULT_BODY_TIMEOUT_MS = 60_000;
const DEFAULT_STALL_MS = 30_000;
const DEFAULT_SHORT_TERM = 4;
const DRAIN_RETRY_MS = 2000;

/**
 * The HTTP surface: REST operations, documentation, health, metrics and `/mcp`. In this order: request id, Host, Origin,
 * draining, credential, body limit, gate. Every failure is a problem document; every answer carries `X-Request-Id` and
 * the security headers.
 */
export function createHttpApp(deps: HttpDeps): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  const pipeline = createPipeline(deps);
  const budgets = createRequestBudgets({ ...deps.settings, clock: deps.clock });
  const routes = createOperationRoutes(deps.operations, { ...routeDeps(deps), budgets });
  for (const route of routes) app.on(route.method, route.path, pipeline(route.answer));
  for (const { methods, path, answer } of createOpenAiRoutes(deps.operations, { ...routeDeps(deps), budgets })) {
    app.on([...methods], path, pipeline(answer, openAiErrorReply));
  }
  const chat = deps.operations.find(({ name }) => name === 'chat');
  if (chat !== undefined) {
    const shortTermMessages = deps.settings.shortTermMessages ?? DEFAULT_SHORT_TERM;
    app.post(CHAT_ROUTE, pipeline(chatEndpoint(chat, { ...routeDeps(deps), budgets, shortTermMessages }), chatErrorReply));
  }
  const getJob = deps.operations.find(({ name }) => name === 'get_job');
  if (deps.jobs !== undefined && getJob !== undefined) {
    app.get(JOB_EVENTS_PATH.replace('{id}', ':id'), pipeline(jobEventsEndpoint({ ...deps, jobs: deps.jobs, getJob })));
  }

  const openApi = createOpenApi(deps.operations, deps.version);
  app.get(
    '/openapi.json',
    pipeline(async () => textReply('application/json', openApi())),
  );
  for (const [path, answer] of docsEndpoints) app.get(path, pipeline(answer));
  if (deps.metrics !== undefined) app.get('/metrics', pipeline(metricsEndpoint(deps.gate, deps.metrics)));
  if (deps.mcp !== undefined) app.all('/mcp', pipeline(mcpEndpoint(deps, deps.mcp, budgets.bodies)));

  app.get('/healthz', () => yesOrNo(true));
  app.get('/readyz', () => yesOrNo(deps.isReady() && !deps.isDraining()));
  app.options('*', pipeline(preflightEndpoint(deps)));
  app.notFound(pipeline(notFoundEndpoint(app)));
  return app;
}

function routeDeps(deps: HttpDeps): Omit<Parameters<typeof createOperationRoutes>[1], 'budgets'> {
  const { gate, clock, logger, settings, spool } = deps;
  return {
    gate,
    clock,
    logger,
    maxBodyBytes: settings.maxBodyBytes,
    maxImportBytes: settings.maxImportBytes,
    bodyTimeoutMs: settings.bodyTimeoutMs ?? DEFAULT_BODY_TIMEOUT_MS,
    stallMs: settings.stallMs ?? DEFAULT_STALL_MS,
    ...(spool === undefined ? {} : { spool }),
  };
}

/** What stands around every endpoint but the health checks, which say yes or no to whoever asks. */
function createPipeline(deps: HttpDeps): (answer: Endpoint, errorReply?: typeof problemReply) => (context: HttpContext) => Promise<Response> {
  const guards = createGuards(deps.settings);
  return (answer, errorReply = problemReply) =>
    async (context) => {
      const request = context.req.raw;
      const requestId = deps.ids.handle('req');
      let cors = {};
      let reply: Reply | Response;
      try {
        cors = guards.check(request.headers);
        refuseTwoUsers(context, request.headers);
        if (deps.isDraining()) throw new PolymniaError('overloaded', 'The server is stopping.', { retryAfterMs: DRAIN_RETRY_MS });
        reply = await answer({ context, request, requestId });
      } catch (error) {
        reply = errorReply(translate(error, requestId, deps.logger), requestId);
      }
      const common = { ...SECURITY_HEADERS, 'x-request-id': requestId, ...cors, ...(deps.isDraining() ? { connection: 'close' } : {}) };
      if (reply instanceof Response) return withHeaders(reply, common);
      return new Response(reply.body, { status: reply.status, headers: { ...common, ...reply.headers } });
    };
}

/** Two header lines would arrive as one name, "a, b": a user nobody named. */
function refuseTwoUsers(context: HttpContext, headers: Headers): void {
  if (headers.get('x-polymnia-user')?.includes(',') !== true) return;
  const lines = incomingOf(context)?.headersDistinct['x-polymnia-user'] ?? [];
  if (lines.length > 1) throw new PolymniaError('invalid_input', 'X-Polymnia-User is given more than once; name one user.');
}

function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
  if (!response.headers.has('cache-control')) response.headers.set('cache-control', 'no-store');
  return response;
}

function yesOrNo(isYes: boolean): Response {
  const headers = { ...SECURITY_HEADERS, 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
  return new Response(isYes ? 'yes\n' : 'no\n', { status: isYes ? 200 : 503, headers });
}

function preflightEndpoint(deps: HttpDeps): Endpoint {
  const { preflight } = createGuards(deps.settings);
  return async ({ request }) => {
    if (request.headers.has('origin') && request.headers.has('access-control-request-method')) {
      return { status: 204, headers: preflight, body: null };
    }
    throw unknownRoute('OPTIONS', []).error;
  };
}

const METHODS = ['DELETE', 'GET', 'PATCH', 'POST', 'PUT'];

/** Says which methods an address has, when it is only the method that is wrong. */
function notFoundEndpoint(app: Hono<HttpEnv>): Endpoint {
  return async ({ context, request, requestId }) => {
    const allow = METHODS.filter((method) => app.router.match(method, context.req.path)[0].length > 0);
    const { error, headers } = unknownRoute(request.method, allow);
    return problemReply(error, requestId, headers);
  };
}

function metricsEndpoint(gate: Gate, metrics: NonNullable<HttpDeps['metrics']>): Endpoint {
  const isToken = secretMatcher(metrics.token ?? '');
  return async ({ request }) => {
    if (!isToken(request.headers.get('authorization') ?? '')) {
      const { credential } = await authenticate(gate, request.headers);
      if (!credential.scopes.includes('admin'))
        throw new PolymniaError('forbidden', 'Metrics need a credential with scope "admin", or the scrape token.');
    }
    return textReply(metrics.contentType, await metrics.text(), { 'cache-control': 'no-store' });
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Compares hashes, so that neither content nor length of the secret shows in the time it takes. */
function secretMatcher(token: string): (authorization: string) => boolean {
  if (token === '') return () => false;
  const expected = digest(`Bearer ${token}`);
  return (authorization) => timingSafeEqual(digest(authorization), expected);
}

function mcpEndpoint(deps: HttpDeps, mcp: NonNullable<HttpDeps['mcp']>, bodies: BodyBudget): Endpoint {
  const { clock, settings } = deps;
  const limits = { clock, maxBytes: settings.maxBodyBytes, timeoutMs: settings.bodyTimeoutMs ?? DEFAULT_BODY_TIMEOUT_MS, option: 'MAX_BODY_BYTES' };
  return async (exchange) => {
    const { context, request, requestId } = exchange;
    const length = request.method === 'POST' ? declaredLength(exchange, limits.maxBytes, limits.option) : 0;
    using held = new DisposableStack();
    const isSmall = length !== 'unknown' && length <= SMALL_BODY_BYTES;
    const bounded = isSmall ? request : await largeRequest(exchange, length, (holder, bytes) => held.use(bodies.take(holder, bytes)));
    // The protocol library reads the body itself, without a limit of time.
    const cancel = clock.after(limits.timeoutMs, () => {
      const incoming = incomingOf(context);
      if (incoming?.complete === false) incoming.destroy();
    });
    try {
      return await mcp(bounded, { requestId });
    } finally {
      cancel();
    }
  };

  /** A body that is or may be large is read only for a proven caller, within that caller's share. */
  async function largeRequest(exchange: Exchange, length: number | 'unknown', hold: (holder: BudgetHolder, bytes: number) => void): Promise<Request> {
    const { caller } = await authenticate(deps.gate, exchange.request.headers);
    if (length !== 'unknown') {
      hold(caller, length);
      return exchange.request;
    }
    const body = await readBytes(exchange, length, { ...limits, onLarge: () => hold(caller, limits.maxBytes) });
    const { url, method, headers, signal } = exchange.request;
    return new Request(url, { method, headers: new Headers(headers), body, signal });
  }
}
