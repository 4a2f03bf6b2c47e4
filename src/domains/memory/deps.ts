import type { Clock } from '../../kernel/clock.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { Embedder, ImportSpool } from './ports.ts';
import type { MemoryStore } from './store.ts';
import type { WorkMarks } from './upkeep/work-marks.ts';

/** Limits of the memory service that an operator may set. */
export interface MemoryServiceLimits {
  /** `EMBEDDING_QUERY_TIMEOUT`, ms: beyond it a search goes on with words alone. */
  readonly embeddingQueryTimeoutMs: number;
}

/** What the memory service is made of. Without an embedder everything works, by words. */
export interface MemoryServiceDeps {
  readonly store: MemoryStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly marks: WorkMarks;
  readonly spool: ImportSpool;
  readonly embedder?: Embedder;
  readonly limits: MemoryServiceLimits;
}
