import type { Settings } from '../config/options.ts';
import { type AdmissionGate, bindAdmissionOperations } from '../domains/admission/index.ts';
import { bindIdentityOperations, IdentityService } from '../domains/identity/index.ts';
import {
  bindCodeAnalysisOperations,
  bindCodeSearchOperations,
  bindRepositoryOperations,
  type RepositoryService,
  sweepRepositoriesTask,
} from '../domains/code/index.ts';
import { bindConversationOperations, type ConversationService } from '../domains/conversation/index.ts';
import { bindJobOperations, type JobService } from '../domains/jobs/index.ts';
import { bindMemoryOperations, type Embedder, WorkMarks } from '../domains/memory/index.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { createIds, type Ids } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { BoundOperation } from '../kernel/operation.ts';
import { createHttpApp } from '../surfaces/http/http-app.ts';
import { listenHttp } from '../surfaces/http/listen.ts';
import type { McpEndpoint, McpEndpointDeps } from '../surfaces/mcp/index.ts';
import { createCallObserver } from './call-observer.ts';
import type { CommonParts } from './common-parts.ts';
import { Metrics } from './metrics.ts';
import { cleanUpTask, openCleanUp } from './open-clean-up.ts';
import { openCode } from './open-code.ts';
import { openConversation, openRetention } from './open-conversation.ts';
import { openGate } from './open-gate.ts';
import { openJobs, openScheduler } from './open-jobs.ts';
import { configuredEmbedder, openMemory } from './open-memory.ts';
import { openShortTerm } from './open-short-term.ts';
import { RunningParts } from './running-parts.ts';
import { createServerControl, readServer } from './server-control.ts';
import { createSpaceData } from './space-data.ts';
import { type EmbeddedStorage, openEmbeddedStorage } from './storage.ts';
import { readVersion } from './version.ts';

/** What tests and benches may put in the place of the product's own. */
export interface ServerOverrides {
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly embedder?: Embedder;
  /** Wraps every operation, e.g. behind one global lock to measure what that costs. */
  readonly wrapOperation?: (operation: BoundOperation) => BoundOperation;
  /** Operations beside the product's own, such as jobs that do what a test says. */
  readonly extraOperations?: readonly BoundOperation[];
  /** Fixtures of the MCP conformance suite. */
  readonly extraTools?: McpEndpointDeps['extraTools'];
  /** Check every answer against its schema. */
  readonly checkOutputs?: boolean;
}

/** A server that takes calls. */
export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  /** The owner's key, on the very first start of a data folder only. */
  readonly firstKey?: string;
  /** Accepted as the owner, valid until this server stops. */
  readonly localKey: string;
  readonly operations: readonly BoundOperation[];
  readonly gate: AdmissionGate;
  readonly jobs: JobService;
  /** Answers a request without a socket. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** Not ready any more; running calls finish, at most for `graceMs` (default `DRAIN_TIMEOUT`); then everything is closed. Idempotent. */
  stop(graceMs?: number): Promise<void>;
}

/** After the calls were told to stop, how long their answers may take. */
const LAST_ANSWERS_MS = 2000;

/** The composition root: builds every part, hands each what it needs, starts them in order. */
export async function startServer(settings: Settings, logger: Logger, overrides: ServerOverrides = {}): Promise<RunningServer> {
  const parts = new RunningParts();
  const clock = overrides.clock ?? systemClock;
  const common = { settings, clock, ids: overrides.ids ?? createIds(clock), logger, parts };
  try {
    return await compose(common, overrides);
  } catch (error) {
    await parts[Symbol.asyncDispose]();
    throw error;
  }
}

async function compose(common: CommonParts, overrides: ServerOverrides): Promise<RunningServer> {
  const { settings, clock, logger, parts } = common;
  const version = readVersion();
  const metrics = parts.own(
    'metrics',
    new Metrics(
      () => readServer(gate, jobs, conversation, storage),
      () => storage.jobs.load(clock.now()),
      settings.DATA_DIR,
    ),
  );
  const embedder = overrides.embedder ?? configuredEmbedder(settings, clock);
  const storage = await openEmbeddedStorage({ ...common, vectors: embedder !== undefined, watch: metrics });
  const { repositories, search, analyses } = openCode({ ...common, storage, embedder, stopJob: (id, reason) => jobs.stop(id, reason) });
  const identity = openIdentity(common, storage, repositories);
  await identity.resumeIntents();
  const observer = createCallObserver(logger, metrics);
  const jobs = openJobs({ ...common, storage, authority: identity, metrics });
  const gate = openGate({ ...common, storage, identity, observer, jobs, checkOutputs: overrides.checkOutputs === true });
  const marks = new WorkMarks(storage.work);
  const shortTerm = openShortTerm(common);
  const retention = openRetention({ ...common, storage, identity, marks, shortTerm });
  const memory = await openMemory({ ...common, storage, identity, gate, embedder, marks, retention });
  const cleanUp = openCleanUp({ ...common, storage, identity, shortTerm });
  const scheduler = openScheduler({ ...common, storage }, [sweepRepositoriesTask(repositories), cleanUpTask(cleanUp)]);
  const stored = [
    ...bindMemoryOperations(memory),
    ...bindRepositoryOperations(repositories),
    ...bindCodeSearchOperations(search),
    ...bindCodeAnalysisOperations(analyses),
  ];
  const chats = { ...common, memory, storage, identity, gate, embedder, marks, operations: stored, observer: metrics.models, shortTerm, retention };
  const conversation = openConversation(chats);
  const operations = [
    ...stored,
    ...bindConversationOperations(conversation),
    ...bindJobOperations(jobs, scheduler),
    ...bindIdentityOperations({ identity, standing: { of: (caller) => gate.standing(caller) }, cleanUp }),
    ...bindAdmissionOperations(createServerControl({ gate, jobs, repositories, conversation, storage, clock, version })),
    ...(overrides.extraOperations ?? []),
  ].map(overrides.wrapOperation ?? ((operation) => operation));
  await jobs.recover();
  const { url, fetch, stop } = await serveHttp({ ...common, operations, gate, jobs, conversation, storage, metrics, version, overrides });
  // Only now: a start that fails, for instance on a taken port, must not use up the one showing of the first key.
  const first = await identity.bootstrap();
  jobs.start(operations, gate.quota);
  await scheduler.start();
  await storage.folder.publish({ pid: process.pid, url, key: identity.localCredential });
  logger.info('listening', { url, version });
  const localKey = identity.localCredential;
  const firstKey = first === undefined ? {} : { firstKey: first.secret };
  return { url, localKey, ...firstKey, operations, gate, jobs, fetch, stop, [Symbol.asyncDispose]: () => stop(0) };
}

function openIdentity(
  { settings, clock, ids, logger, parts }: CommonParts,
  storage: EmbeddedStorage,
  repositories: RepositoryService,
): IdentityService {
  const identity = new IdentityService({
    store: storage.identity,
    spaceData: createSpaceData({ files: storage.files, store: storage.memory, repositories, clock }),
    clock,
    ids,
    logger,
    options: { maxUsersPerService: settings.MAX_USERS_PER_SERVICE, newServiceUsersPerMin: settings.NEW_SERVICE_USERS_PER_MIN },
  });
  return parts.own('identity', identity);
}

interface HttpParts extends CommonParts {
  readonly operations: readonly BoundOperation[];
  readonly gate: AdmissionGate;
  readonly jobs: JobService;
  readonly conversation: ConversationService;
  readonly storage: EmbeddedStorage;
  readonly metrics: Metrics;
  readonly version: string;
  readonly overrides: ServerOverrides;
}

/** The MCP surface, loaded at the first request for it: its library is 7 MB and a tenth of the time a start takes. */
function mcpWhenAsked(deps: McpEndpointDeps): McpEndpoint {
  let endpoint: Promise<McpEndpoint> | undefined;
  const load = async (): Promise<McpEndpoint> => {
    const { createMcpEndpoint } = await import('../surfaces/mcp/index.ts');
    return createMcpEndpoint(deps);
  };
  return async (request, info) => {
    endpoint ??= load();
    return (await endpoint)(request, info);
  };
}

/** The surfaces on one listening socket, and the way to end them: users first, everything else after. */
async function serveHttp(http: HttpParts): Promise<Pick<RunningServer, 'url' | 'fetch' | 'stop'>> {
  const { settings, clock, ids, logger, parts, operations, gate, jobs, conversation, storage, metrics, version, overrides } = http;
  let draining = false;
  const extraTools = overrides.extraTools === undefined ? {} : { extraTools: overrides.extraTools };
  const app = createHttpApp({
    operations,
    gate,
    jobs,
    ids,
    clock,
    logger,
    version,
    settings: {
      allowedHosts: settings.ALLOWED_HOSTS,
      allowedOrigins: settings.ALLOWED_ORIGINS,
      maxBodyBytes: settings.MAX_BODY_BYTES,
      maxImportBytes: settings.MAX_IMPORT_BYTES,
      bodyTimeoutMs: settings.REQUEST_TIMEOUT,
      shortTermMessages: settings.SHORT_TERM_MESSAGES,
    },
    isReady: () => !draining,
    isDraining: () => draining,
    metrics: { text: () => metrics.text(), contentType: metrics.contentType, token: settings.METRICS_TOKEN },
    spool: storage.spool,
    mcp: mcpWhenAsked({
      operations,
      gate,
      logger,
      version,
      clock,
      maxBodyBytes: settings.MAX_BODY_BYTES,
      waitMs: settings.MCP_WAIT,
      ...extraTools,
    }),
  });
  const { HOST: host, PORT: port } = settings;
  const timeouts = { headersTimeoutMs: settings.HEADERS_TIMEOUT, requestTimeoutMs: settings.BULK_OP_TIMEOUT };
  const listener = await listenHttp({ fetch: app.fetch, host, port, clock, logger, settings: timeouts });
  parts.onEnd('listener', () => listener.close(0));
  let stopping: Promise<void> | undefined;
  const stop = (graceMs = settings.DRAIN_TIMEOUT): Promise<void> => {
    draining = true;
    const cancelEnd = clock.after(graceMs, () => gate.endCalls());
    const closed = Promise.all([listener.close(graceMs + LAST_ANSWERS_MS), jobs.drain(graceMs), conversation.drain(graceMs)]).finally(cancelEnd);
    stopping ??= closed.then(() => parts[Symbol.asyncDispose]());
    return stopping;
  };
  return { url: listener.url, fetch: async (request) => app.fetch(request), stop };
}
