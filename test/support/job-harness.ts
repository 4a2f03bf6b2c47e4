import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CallOptions } from '../../src/domains/admission/index.ts';
import { type Job, type JobObserver, JobService, type JobServiceDeps, type JobStore } from '../../src/domains/jobs/index.ts';
import type { AuthorityLoss } from '../../src/domains/jobs/ports.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { notFound } from '../../src/kernel/errors.ts';
import { createIds } from '../../src/kernel/ids.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import type { BoundOperation, JobLane, Principal, SpaceAccess } from '../../src/kernel/operation.ts';
import { createSqliteJobStore } from '../../src/storage/sqlite/system/sqlite-job-store.ts';
import { SystemDatabase } from '../../src/storage/sqlite/system/system-database.ts';
import { JobBench } from './job-bench.ts';
import { personalSpace } from './memory-harness.ts';
import { temporaryFolder } from './storage.ts';

export interface JobHarnessOptions {
  readonly clock?: Clock;
  readonly lane?: JobLane;
  readonly deps?: Partial<JobServiceDeps>;
  /** Wraps the store of a service, to make a call of it fail or hang. */
  readonly wrap?: (store: JobStore) => JobStore;
}

/** The job service over a real `system.db`, without gate and surfaces; its operation does what `bench` is told. */
export interface JobHarness extends AsyncDisposable {
  readonly service: JobService;
  readonly store: JobStore;
  readonly bench: JobBench;
  readonly observed: { readonly ended: Job[]; readonly lost: Job[]; readonly parked: Job[] };
  /** Users that have lost their rights; tell it by `lose`. */
  lose(loss: AuthorityLoss & { readonly userId: string }): void;
  as(name: string): Principal;
  call(name: string, input: Readonly<Record<string, unknown>>, options?: Partial<CallOptions>): Promise<Record<string, unknown>>;
  /** In the background; answers with the job's id. */
  ask(name: string, input: Readonly<Record<string, unknown>>, options?: Partial<CallOptions>): Promise<string>;
  /** The job once it is in this state. */
  until(id: string, state: Job['state']): Promise<Job>;
  /** One more service over the same store, like a second node. */
  another(options?: Pick<JobHarnessOptions, 'wrap' | 'deps'>): Promise<{ readonly service: JobService; readonly bench: JobBench }>;
}

const LANE_LIMITS = { max: 3, timeoutMs: 60_000, timeoutName: 'SYNC_OP_TIMEOUT', rateLimit: 1000, windowMs: 3_600_000 } as const;
const UNTIL_MS = 5000;
const LOOK_MS = 5;

export async function openJobHarness(options: JobHarnessOptions = {}): Promise<JobHarness> {
  const { clock = systemClock, lane = 'sync', deps = {}, wrap } = options;
  const folder = await temporaryFolder();
  const system = await SystemDatabase.open({ path: join(folder.path, 'system.db'), clock });
  const store = createSqliteJobStore(system);
  const observed = { ended: [] as Job[], lost: [] as Job[], parked: [] as Job[] };
  const gone = new Set<string>();
  const listeners = new Set<(loss: AuthorityLoss) => void>();
  const authority = authorityOf(gone, listeners);
  const opened: JobService[] = [];
  const open = async (
    more: Partial<JobServiceDeps>,
    does: JobBench,
    wrapped: JobStore,
  ): Promise<{ opens: JobService; operation: BoundOperation }> => {
    const operation = does.operation(lane);
    const opens = new JobService({ ...defaults(clock), store: wrapped, authority, observer: observerInto(observed), ...more });
    opened.push(opens);
    await opens.recover();
    opens.start([operation], { reserve: async () => ({ settle() {}, [Symbol.dispose]() {} }) });
    return { opens, operation };
  };
  const bench = new JobBench();
  const { opens: service, operation } = await open(deps, bench, wrap?.(store) ?? store);
  const call: JobHarness['call'] = async (name, input, extra = {}) => {
    const callOptions = { requestId: 'req_test', origin: { surface: 'internal' }, signal: new AbortController().signal, ...extra } as const;
    const answer = await service.call({
      operation,
      principal: principalOf(name),
      input: { amount: 1, ...input },
      space: personalSpace(name),
      options: callOptions,
    });
    return answer as Record<string, unknown>;
  };
  return {
    service,
    store,
    bench,
    observed,
    call,
    as: principalOf,
    lose(loss) {
      gone.add(loss.userId);
      for (const listener of listeners) listener(loss);
    },
    ask: async (name, input, extra) => ((await call(name, { background: true, ...input }, extra))['job'] as { id: string }).id,
    async until(id, state) {
      const end = performance.now() + UNTIL_MS;
      for (;;) {
        const job = await store.get(id);
        if (job?.state === state) return job;
        if (performance.now() > end) throw new Error(`job ${id} is ${job?.state ?? 'gone'}, not ${state}`);
        await delay(LOOK_MS);
      }
    },
    async another(more = {}) {
      const theirs = new JobBench();
      const { opens } = await open({ ...deps, ...more.deps }, theirs, more.wrap?.(store) ?? store);
      return { service: opens, bench: theirs };
    },
    async [Symbol.asyncDispose]() {
      for (const each of opened) await each[Symbol.asyncDispose]();
      await system[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function defaults(clock: Clock): Omit<JobServiceDeps, 'store' | 'authority' | 'observer'> {
  return {
    clock,
    ids: createIds(systemClock),
    random: () => 0.5,
    logger: silentLogger,
    uploads: { write: async () => ({ spoolId: 'none', bytes: 0 }), remove: async () => {}, sweepOrphans: async () => 0 },
    uploadLimits: { perUser: 1000, total: 2000 },
    lanes: { bulk: LANE_LIMITS, sync: LANE_LIMITS, batch: LANE_LIMITS },
    groups: [
      { lanes: ['bulk'], cap: 10 },
      { lanes: ['sync', 'batch'], cap: 3 },
    ],
    leaseMs: 30_000,
    retry: { backoffMs: (attempt) => 20 * attempt, maxCrashes: 3, maxLosses: 100 },
    maxPerUser: 10,
    serviceShare: 2,
    maxQueuedInLane: 1000,
    detachGraceMs: 600_000,
    queueTimeoutMs: 86_400_000,
    maxStreamsPerUser: 2,
    maxStreams: 3,
  };
}

function principalOf(name: string): Principal {
  return {
    caller: { userId: `usr_${name}`, name, timeZone: 'UTC', group: `usr_${name}`, weight: 1, limits: {} },
    credential: { id: `key_${name}`, scopes: ['memory:read', 'memory:write'] },
  };
}

function nameOf(userId: string): string {
  return userId.slice('usr_'.length);
}

function authorityOf(gone: ReadonlySet<string>, listeners: Set<(loss: AuthorityLoss) => void>): JobServiceDeps['authority'] {
  const own = (userId: string): SpaceAccess => personalSpace(nameOf(userId));
  return {
    standIn: async (userId) => (gone.has(userId) ? undefined : { principal: principalOf(nameOf(userId)), space: own(userId) }),
    async space({ caller: { userId } }, spaceId) {
      if (spaceId !== own(userId).id) throw notFound('space');
      return own(userId);
    },
    readableSpaces: async ({ caller: { userId } }) => [own(userId)],
    onAuthorityChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function observerInto(observed: JobHarness['observed']): JobObserver {
  return {
    ended: ({ job }) => void observed.ended.push(job),
    leaseLost: (job) => void observed.lost.push(job),
    parked: (job) => void observed.parked.push(job),
  };
}
