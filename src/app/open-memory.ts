import type { AdmissionGate } from '../domains/admission/index.ts';
import { type Retention, sweepTurns } from '../domains/conversation/index.ts';
import type { IdentityService } from '../domains/identity/index.ts';
import { type Embedder, markOutdated, MemoryService, Sweeper, type WorkMarks } from '../domains/memory/index.ts';
import type { Settings } from '../config/options.ts';
import type { Clock } from '../kernel/clock.ts';
import { createOpenAiEmbedder } from '../providers/embedding/openai-embedder.ts';
import type { CommonParts } from './common-parts.ts';
import type { EmbeddedStorage } from './storage.ts';

interface MemoryDeps extends CommonParts {
  readonly storage: EmbeddedStorage;
  readonly identity: IdentityService;
  readonly gate: AdmissionGate;
  readonly embedder: Embedder | undefined;
  /** The one of this server: sweeper and writers must see the same. */
  readonly marks: WorkMarks;
  readonly retention: Retention;
}

/** The embedder the options name, if any. */
export function configuredEmbedder(settings: Settings, clock: Clock): Embedder | undefined {
  if (settings.EMBEDDING_URL === '') return undefined;
  return createOpenAiEmbedder({
    url: settings.EMBEDDING_URL,
    model: settings.EMBEDDING_MODEL,
    apiKey: settings.EMBEDDING_API_KEY,
    timeoutMs: settings.EMBEDDING_TIMEOUT,
    batch: settings.EMBEDDING_BATCH,
    clock,
  });
}

/** The memory service and its background work, which begins where the last start left off. */
export async function openMemory(deps: MemoryDeps): Promise<MemoryService> {
  const { settings, clock, ids, logger, storage, identity, gate, marks, retention, parts } = deps;
  const { memory: store, work, spool } = storage;
  const embedding = deps.embedder === undefined ? {} : { embedder: deps.embedder };
  const limits = { embeddingQueryTimeoutMs: settings.EMBEDDING_QUERY_TIMEOUT };
  const service = new MemoryService({ store, clock, ids, marks, spool, limits, ...embedding });
  const sweeper = new Sweeper({
    store,
    clock,
    marks,
    work,
    logger,
    authority: identity,
    quota: gate.quota,
    embeddingBatch: settings.EMBEDDING_BATCH,
    intervalMs: settings.SWEEP_INTERVAL,
    sweepTurns: (space, frame) => sweepTurns({ store: storage.conversations, quota: gate.quota, clock }, space, frame),
    applyRetention: (space, frame) => retention.apply(space, frame),
    ...embedding,
  });
  await markOutdated({ work, clock, notes: storage.notes, spaces: () => storage.files.list(), ...embedding });
  sweeper.start();
  parts.own('sweeper', sweeper);
  return service;
}
