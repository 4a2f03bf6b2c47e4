import type { Clock } from '../../../kernel/clock.ts';
import type { SpaceKey } from '../../../kernel/ids.ts';
import type { Embedder, SpaceWork, SpaceWorkKind } from '../ports.ts';
import { TOKENISER_VERSION } from '../text/tokenise.ts';

export interface DerivedDataDeps {
  readonly work: SpaceWork;
  readonly clock: Pick<Clock, 'now'>;
  readonly embedder?: Pick<Embedder, 'model'>;
  /** Small facts of this installation, by key; durable when resolved. */
  readonly notes: { get(key: string): Promise<string | undefined>; set(key: string, value: string | undefined): Promise<void> };
  /** Every space of this installation. */
  readonly spaces: () => AsyncIterable<SpaceKey> | Iterable<SpaceKey>;
}

/** Marks written at once: they are committed together. */
const BATCH = 256;

/**
 * Marks every space for the sweeper when the tokeniser or the embedding model is another than at the last start: spaces nobody
 * writes to would else keep what the old one made. To be called at start, before the sweeper. Cut off, it begins again at
 * the next start. Returns the number of marks.
 */
export async function markOutdated(deps: DerivedDataDeps): Promise<number> {
  const reindexed = await markIfChanged(deps, 'memory.tokeniser', String(TOKENISER_VERSION), 'reindex');
  const embedded = await markIfChanged(deps, 'memory.embedding-model', deps.embedder?.model ?? '', 'vectors');
  return reindexed + embedded;
}

async function markIfChanged(deps: DerivedDataDeps, note: string, current: string, kind: SpaceWorkKind): Promise<number> {
  if (((await deps.notes.get(note)) ?? '') === current) return 0;
  const marks = current === '' ? 0 : await markAll(deps, kind);
  await deps.notes.set(note, current);
  return marks;
}

async function markAll({ work, clock, spaces }: DerivedDataDeps, kind: SpaceWorkKind): Promise<number> {
  let marks = 0;
  let batch: Promise<void>[] = [];
  for await (const space of spaces()) {
    batch.push(work.mark(space, kind, clock.now()));
    marks += 1;
    if (batch.length < BATCH) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
  return marks;
}
