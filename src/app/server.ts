import { randomInt } from 'node:crypto';
import type { Settings } from '../config/options.ts';
import { AdmissionGate, type BackupReport, bindAdmissionOperations, type CallObserver, type StorageAccounts } from '../domains/admission/index.ts';
import { bindIdentityOperations, IdentityService } from '../domains/identity/index.ts';
import { bindMemoryOperations, type Embedder, MemoryService, Sweeper, WorkMarks } from '../domains/memory/index.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { createIds, type Ids } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { BoundOperation } from '../kernel/operation.ts';
import { createOpenAiEmbedder } from '../providers/embedding/openai-embedder.ts';
import { backupFolder } from '../storage/sqlite/backup.ts';
import { createHttpApp } from '../surfaces/http/http-app.ts';
import { listenHttp, type Listener } from '../surfaces/http/listen.ts';
import { createMcpEndpoint, type McpEndpointDeps } from '../surfaces/mcp/index.ts';
import { createCallObserver } from './call-observer.ts';
import { laneTable } from './lane-table.ts';
import { Metrics, type Readings } from './metrics.ts';
import { RunningParts } from './running-parts.ts';
import { createSpaceData, readUsedBytes } from './space-data.ts';
import { type EmbeddedStorage, openEmbeddedStorage } from './storage.ts';
import { readVersion } from './version.ts';

/** What tests and benches may put in the place of the product's own. */
export interface ServerOverrides {
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly embedder?: Embedder;
  /** Wraps every operation, e.g. behind one global lock to measure what that costs. */
  readonly wrapOperation?: (operation: BoundOperation) => BoundOperation;
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
  /** Answers a request without a socket. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** Not ready any more, running calls finish (at most `DRAIN_TIMEOUT`), then everything is closed. Idempotent. */
  stop(graceMs?: number): Promise<void>;
}

const SAVE_TOTALS_MS = 5000;

/** The composition root: builds every part, hands each what it needs, starts them in order. */
export async function startServer(settings: Settings, logger: Logger, overrides: ServerOverrides = {}): Promise<RunningServer> {
  const parts = new RunningParts();
  try {
    return await compose(settings, logger, overrides, parts);
  } catch (error) {
    await parts[Symbol.asyncDispose]();
    throw error;
  }
}

async function compose(settings: Settings, logger: Logger, overrides: ServerOverrides, parts: RunningParts): Promise<RunningServer> {
  const clock = overrides.clock ?? systemClock;
  const ids = overrides.ids ?? createIds(clock);
  const version = readVersion();
  const metrics = parts.own('metrics', new Metrics(() => read(), settings.DATA_DIR));
  const storage = await openEmbeddedStorage({
    settings,
    clock,
    ids,
    logger,
    parts,
    onCommit: (seconds) => metrics.commit(seconds),
    onLockWait: (seconds) => metrics.lockWait(seconds),
  });
  const identity = openIdentity({ settings, clock, ids, logger, storage, parts });
  await identity.resumeIntents();
  const first = await identity.bootstrap();
  const gate = openGate({ settings, clock, logger, storage, identity, parts, observer: createCallObserver(logger, metrics), overrides });
  const memory = await openMemory({ settings, clock, ids, logger, storage, identity, gate, parts, overrides });
  const operations = bindAll({ identity, memory, gate, storage, clock, version }).map(overrides.wrapOperation ?? ((operation) => operation));

  const read = (): Readings => readings(gate, storage);
  let draining = false;
  const app = createHttpApp({
    operations,
    gate,
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
    },
    isReady: () => !draining,
    isDraining: () => draining,
    metrics: { text: () => metrics.text(), contentType: metrics.contentType, token: settings.METRICS_TOKEN },
    spool: storage.spool,
    mcp: createMcpEndpoint({
      operations,
      gate,
      logger,
      version,
      maxBodyBytes: settings.MAX_BODY_BYTES,
      clock,
      ...(overrides.extraTools === undefined ? {} : { extraTools: overrides.extraTools }),
    }),
  });
  const listener = await listen(settings, clock, logger, app.fetch);
  let stopping: Promise<void> | undefined;
  const stop = (graceMs = settings.DRAIN_TIMEOUT): Promise<void> => {
    draining = true;
    const closed = listener.close(graceMs);
    stopping ??= closed.then(() => parts[Symbol.asyncDispose]());
    return stopping;
  };
  parts.onEnd('listener', () => listener.close(0));
  await storage.folder.publish({ pid: process.pid, url: listener.url, key: identity.localCredential });
  logger.info('listening', { url: listener.url, version });
  return {
    url: listener.url,
    localKey: identity.localCredential,
    ...(first === undefined ? {} : { firstKey: first.secret }),
    operations,
    gate,
    fetch: async (request) => app.fetch(request),
    stop,
    [Symbol.asyncDispose]: () => stop(0),
  };
}

interface Common {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly storage: EmbeddedStorage;
  readonly parts: RunningParts;
}

function openIdentity({ settings, clock, ids, logger, storage, parts }: Common & { readonly ids: Ids }): IdentityService {
  const identity = new IdentityService({
    store: storage.identity,
    spaceData: createSpaceData({ files: storage.files, store: storage.memory, clock }),
    clock,
    ids,
    logger,
    options: { maxUsersPerService: settings.MAX_USERS_PER_SERVICE, newServiceUsersPerMin: settings.NEW_SERVICE_USERS_PER_MIN },
  });
  return parts.own('identity', identity);
}

function openGate(
  deps: Common & { readonly identity: IdentityService; readonly observer: CallObserver; readonly overrides: ServerOverrides },
): AdmissionGate {
  const { settings, clock, logger, storage, identity, parts } = deps;
  const accounts: StorageAccounts = {
    async usedBytes(payer) {
      const spaces = await identity.spacesPaidBy(payer);
      const bytes = await Promise.all(spaces.map((space) => readUsedBytes(storage.memory, clock, space)));
      return bytes.reduce((sum, each) => sum + each, 0);
    },
    groupOf: (payer) => storage.usage.groupOf(payer),
    groupBytes: (group) => storage.usage.groupBytes(group),
    savedBytes: (payer) => storage.usage.savedBytes(payer),
    save: (totals) => storage.usage.save(totals),
  };
  const gate = new AdmissionGate({
    clock,
    random: () => randomInt(2 ** 32) / 2 ** 32,
    logger,
    authority: identity,
    accounts,
    observer: deps.observer,
    lanes: laneTable(settings),
    maxOpsPerUser: settings.MAX_CONCURRENT_OPS_PER_USER,
    maxWaitingPerUser: settings.MAX_WAITING_PER_USER,
    serviceShare: settings.SERVICE_SHARE,
    maxStorageBytes: settings.MAX_STORAGE_MB * 1024 * 1024,
    checkOutputs: deps.overrides.checkOutputs === true,
  });
  parts.onEnd('storage totals', () => gate.quota.flush());
  parts.onEnd(
    'saving storage totals',
    repeat(clock, SAVE_TOTALS_MS, () => gate.quota.flush(), logger),
  );
  return parts.own('gate', gate);
}

/** Runs `work` every `ms`, never twice at once; a failure is logged. The returned function ends it. */
function repeat(clock: Clock, ms: number, work: () => Promise<void>, logger: Logger): () => void {
  let cancel = (): void => {};
  let ended = false;
  const turn = (): void => {
    work()
      .catch((error: unknown) => logger.warn('saving storage totals failed', {}, error))
      .finally(() => {
        if (!ended) cancel = clock.after(ms, turn);
      });
  };
  cancel = clock.after(ms, turn);
  return () => {
    ended = true;
    cancel();
  };
}

async function openMemory(
  deps: Common & { readonly ids: Ids; readonly identity: IdentityService; readonly gate: AdmissionGate; readonly overrides: ServerOverrides },
): Promise<MemoryService> {
  const { settings, clock, ids, logger, storage, identity, gate, parts } = deps;
  const marks = new WorkMarks(storage.work);
  const embedder = deps.overrides.embedder ?? configuredEmbedder(settings, clock);
  const embedding = embedder === undefined ? {} : { embedder };
  const limits = { embeddingQueryTimeoutMs: settings.EMBEDDING_QUERY_TIMEOUT };
  const memory = new MemoryService({ store: storage.memory, clock, ids, marks, spool: storage.spool, limits, ...embedding });
  const sweeper = new Sweeper({
    store: storage.memory,
    clock,
    marks,
    imports: memory.imports,
    authority: identity,
    quota: gate.quota,
    work: storage.work,
    spool: storage.spool,
    logger,
    embeddingBatch: settings.EMBEDDING_BATCH,
    intervalMs: settings.SWEEP_INTERVAL,
    ...embedding,
  });
  await sweeper.clearSpool(new AbortController().signal);
  sweeper.start();
  parts.own('sweeper', sweeper);
  return memory;
}

function configuredEmbedder(settings: Settings, clock: Clock): Embedder | undefined {
  if (settings.EMBEDDING_URL === '') return undefined;
  return createOpenAiEmbedder({
    url: settings.EMBEDDING_URL,
    model: settings.EMBEDDING_MODEL,
    apiKey: settings.EMBEDDING_API_KEY,
    timeoutMs: settings.EMBEDDING_TIMEOUT,
    clock,
    fetch,
  });
}

function bindAll(deps: {
  readonly identity: IdentityService;
  readonly memory: MemoryService;
  readonly gate: AdmissionGate;
  readonly storage: EmbeddedStorage;
  readonly clock: Clock;
  readonly version: string;
}): BoundOperation[] {
  const { identity, memory, gate, storage, clock, version } = deps;
  const control = {
    lanes: (maxUsers: number) => gate.lanes(maxUsers),
    busiest: (limit: number) => gate.busiest(limit),
    locks: () => storage.files.locks(),
    async backup(directory: string, signal: AbortSignal, onProgress: (done: number) => void): Promise<BackupReport> {
      const { folder, files } = storage;
      const manifest = await backupFolder({ spaces: files, systemDb: folder.systemDb, target: directory, version, clock, signal, onProgress });
      return { directory, files: manifest.files.length, bytes: manifest.files.reduce((sum, file) => sum + file.bytes, 0) };
    },
  };
  return [
    ...bindMemoryOperations(memory),
    ...bindIdentityOperations({ identity, standing: { of: (caller) => gate.standing(caller) } }),
    ...bindAdmissionOperations(control),
  ];
}

function readings(gate: AdmissionGate, { files }: EmbeddedStorage): Readings {
  const { readers, writers, openHits, openMisses, walBytes } = files.stats();
  return {
    lanes: gate.load(),
    threads: [
      { role: 'reader', busy: readers.busy, waiting: readers.waiting },
      { role: 'writer', busy: writers.busy, waiting: writers.waiting },
    ],
    handles: { open: readers.openFiles + writers.openFiles, hits: openHits, misses: openMisses },
    walBytes,
  };
}

function listen(settings: Settings, clock: Clock, logger: Logger, fetchApp: Parameters<typeof listenHttp>[0]['fetch']): Promise<Listener> {
  return listenHttp({
    fetch: fetchApp,
    host: settings.HOST,
    port: settings.PORT,
    clock,
    logger,
    settings: { headersTimeoutMs: settings.HEADERS_TIMEOUT, requestTimeoutMs: settings.BULK_OP_TIMEOUT },
  });
}
