import { join } from 'node:path';
import { StorageLedger } from '../../src/domains/admission/storage-ledger.ts';
import { type Embedder, MemoryService, Sweeper, WorkMarks } from '../../src/domains/memory/index.ts';
import type { MemoryStore } from '../../src/domains/memory/store.ts';
import type { SpaceAuthority, SpaceWorkKind } from '../../src/domains/memory/ports.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { createIds } from '../../src/kernel/ids.ts';
import { type Logger, silentLogger } from '../../src/kernel/logger.ts';
import type { Caller, OperationContext, Progress, SpaceAccess } from '../../src/kernel/operation.ts';
import { createImportSpool } from '../../src/storage/files/import-spool.ts';
import { createSqliteMemoryStore } from '../../src/storage/sqlite/sqlite-memory-store.ts';
import { SystemDatabase } from '../../src/storage/sqlite/system/system-database.ts';
import { createSqliteSpaceWorkStore } from '../../src/storage/sqlite/system/upkeep-stores.ts';
import { vectorExtension } from '../../src/storage/sqlite/vector-extension.ts';
import { smallFiles, temporaryFolder } from './storage.ts';

export interface MemoryHarnessOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly embedder?: Embedder;
  readonly embeddingQueryTimeoutMs?: number;
  readonly embeddingBatch?: number;
  readonly sweepIntervalMs?: number;
  /** Quota of each payer. */
  readonly maxBytes?: number;
  /** Wraps the store, to look at calls or to make one fail. */
  readonly wrap?: (store: MemoryStore) => MemoryStore;
}

type Embedded = Awaited<ReturnType<typeof openParts>>;
export type MemoryHarness = Embedded & AsyncDisposable;

/** The memory service over real files, threads, system.db and spool in a temporary folder, without gate and surfaces. */
export async function openMemoryHarness(options: MemoryHarnessOptions = {}): Promise<MemoryHarness> {
  const folder = await temporaryFolder();
  const parts = await openParts(folder.path, options);
  return {
    ...parts,
    async [Symbol.asyncDispose]() {
      await parts.sweeper.stop();
      await parts.files[Symbol.asyncDispose]();
      await parts.system[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The personal space of the user `usr_<name>`. */
export function personalSpace(name: string): SpaceAccess {
  const key = Buffer.from(name.padEnd(8, '.').slice(0, 8)).toString('hex');
  return { id: `space_${name}`, key, role: 'owner', payer: `usr_${name}`, personal: true };
}

export function callerOf(name: string): Caller {
  return { userId: `usr_${name}`, name, timeZone: 'UTC', group: `usr_${name}`, weight: 1, limits: {} };
}

async function openParts(folder: string, options: MemoryHarnessOptions) {
  const { clock = systemClock, logger = silentLogger, embedder, wrap = (store) => store } = options;
  const ids = createIds(systemClock);
  const system = await SystemDatabase.open({ path: join(folder, 'system.db'), clock: systemClock });
  const files = smallFiles(folder, {
    // Deadlines are the service's, so they are read on its clock; what the storage waits for is real.
    clock: { ...systemClock, monotonic: () => clock.monotonic() },
    idempotencyTtlMs: 86_400_000,
    ...(embedder === undefined ? {} : { vectorExtension: vectorExtension() }),
  });
  const store = wrap(createSqliteMemoryStore(files));
  const work = createSqliteSpaceWorkStore<SpaceWorkKind>(system);
  const marks = new WorkMarks(work);
  const spool = createImportSpool({ folder: join(folder, 'imports'), ids });
  const spaces = new Map<string, SpaceAccess>();
  const withEmbedder = embedder === undefined ? {} : { embedder };
  const service = new MemoryService({
    store,
    clock,
    ids,
    marks,
    spool,
    ...withEmbedder,
    limits: { embeddingQueryTimeoutMs: options.embeddingQueryTimeoutMs ?? 1000 },
  });
  const background = () => ({ flow: SYSTEM_FLOW, signal: new AbortController().signal, deadlineAt: Infinity, meter: { add() {} }, now: clock.now() });
  const quota = new StorageLedger({
    clock: systemClock,
    maxBytes: options.maxBytes ?? 1e9,
    serviceShare: 1,
    accounts: {
      async usedBytes(payer) {
        const used = await Promise.all(
          [...spaces.values()].filter((space) => space.payer === payer).map(({ key }) => store.usedBytes({ ...background(), space: key })),
        );
        return used.reduce((sum, bytes) => sum + bytes, 0);
      },
      groupOf: async (payer) => payer,
      groupBytes: async () => 0,
      savedBytes: async () => 0,
      save: async () => {},
    },
  });
  const authority: SpaceAuthority = { account: async (key) => [...spaces.values()].find((space) => space.key === key) };
  const sweeper = new Sweeper({
    store,
    clock,
    marks,
    work,
    authority,
    quota,
    logger,
    ...withEmbedder,
    embeddingBatch: options.embeddingBatch ?? 32,
    intervalMs: options.sweepIntervalMs ?? 30_000,
  });
  /** A call of `usr_<name>` in the personal space, or in the given ones. */
  const as = (name: string, extra: Partial<OperationContext> = {}): OperationContext & { readonly told: readonly Progress[] } => {
    const own = personalSpace(name);
    for (const space of extra.spaces ?? [own]) spaces.set(space.key, space);
    const told: Progress[] = [];
    return {
      caller: callerOf(name),
      credential: { id: 'key_1', scopes: ['memory:read', 'memory:write'] },
      spaces: [own],
      signal: new AbortController().signal,
      deadlineAt: Infinity,
      requestId: 'req_1',
      logger: silentLogger,
      meter: { add() {} },
      quota,
      origin: { surface: 'internal', client: 'harness' },
      progress: (progress) => void told.push(progress),
      told,
      ...extra,
    };
  };
  return { folder, files, system, store, work, marks, spool, service, sweeper, quota, as };
}

const SYSTEM_FLOW = { user: 'system', group: 'system', weight: 1 };
