import { z } from 'zod';
import { type Clock, systemClock } from '../../kernel/clock.ts';
import { notFound, PolymniaError } from '../../kernel/errors.ts';
import { silentLogger } from '../../kernel/logger.ts';
import {
  bindOperation,
  type BoundOperation,
  type Caller,
  defineOperation,
  type OperationContext,
  type Principal,
  type SpaceAccess,
} from '../../kernel/operation.ts';
import { AdmissionGate, type AdmissionDeps } from './admission-gate.ts';
import type { LaneTable } from './lanes.ts';
import type { CallOptions } from './model.ts';
import type { Authority, AuthorityChange, CallRecord, StorageAccounts } from './ports.ts';

/** Test pieces of the gate: people with one space each, and operations that do what a test tells them. */

export function caller(userId: string, overrides: Partial<Caller> = {}): Caller {
  return { userId, name: userId, timeZone: 'UTC', group: userId, weight: 1, limits: {}, ...overrides };
}

export function principal(userId: string, overrides: Partial<Caller> = {}): Principal {
  return { caller: caller(userId, overrides), credential: { id: `key_${userId}`, scopes: ['memory:read', 'memory:write', 'admin'] } };
}

export function space(owner: string, role: SpaceAccess['role'] = 'owner'): SpaceAccess {
  return { id: `space_${owner}`, key: Buffer.from(owner.padEnd(8)).toString('hex').slice(0, 16), role, payer: owner, personal: true };
}

/** Everyone has their own space and may read `space_shared`. */
export class SmallTown implements Authority {
  readonly listeners = new Set<(change: AuthorityChange) => void>();

  async authenticate(secret: string): Promise<Principal> {
    if (!secret.startsWith('pmn_')) throw new PolymniaError('unauthenticated', 'No.');
    return principal(secret.slice(4));
  }

  readonly gone = new Set<string>();

  stands({ credential }: Principal): boolean {
    return !this.gone.has(credential.id);
  }

  async space({ caller: { userId } }: Principal, spaceId: string | undefined): Promise<SpaceAccess> {
    if (spaceId === undefined || spaceId === `space_${userId}`) return space(userId);
    if (spaceId === 'space_shared') return { ...space('shared', 'reader'), personal: false };
    throw notFound('space');
  }

  async spaceByKey({ caller: { userId } }: Principal, key: string): Promise<SpaceAccess> {
    if (key === space(userId).key) return space(userId);
    throw notFound('space');
  }

  async readableSpaces({ caller: { userId } }: Principal): Promise<readonly SpaceAccess[]> {
    return [space(userId), { ...space('shared', 'reader'), personal: false }];
  }

  onAuthorityChange(listener: (change: AuthorityChange) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
}

/** Accounts that start empty and remember what was saved. */
export class Accounts implements StorageAccounts {
  readonly used = new Map<string, number>();
  readonly saved = new Map<string, number>();

  async usedBytes(payer: string): Promise<number> {
    return this.used.get(payer) ?? 0;
  }
  async groupOf(payer: string): Promise<string> {
    return payer.split('/')[0] ?? payer;
  }
  async groupBytes(group: string): Promise<number> {
    return [...this.saved].filter(([payer]) => payer.startsWith(`${group}/`)).reduce((sum, [, bytes]) => sum + bytes, 0);
  }
  async savedBytes(payer: string): Promise<number> {
    return this.saved.get(payer) ?? 0;
  }
  async save(totals: ReadonlyMap<string, number>): Promise<void> {
    for (const [payer, bytes] of totals) this.saved.set(payer, bytes);
  }
}

export const LANE_TABLE: LaneTable = {
  memory: { permits: 4, separateWrites: true, timeoutMs: 1000, timeoutName: 'MEMORY_OP_TIMEOUT', rateLimit: 1000, windowMs: 60_000 },
  bulk: { permits: 2, separateWrites: false, timeoutMs: 10_000, timeoutName: 'BULK_OP_TIMEOUT', rateLimit: 100, windowMs: 3_600_000 },
  search: { permits: 2, separateWrites: false, timeoutMs: 1000, timeoutName: 'SEARCH_OP_TIMEOUT', rateLimit: 100, windowMs: 60_000 },
  chat: { permits: 2, separateWrites: false, timeoutMs: 1000, timeoutName: 'CHAT_OP_TIMEOUT', rateLimit: 100, windowMs: 60_000 },
  sync: { permits: 3, separateWrites: false, timeoutMs: 10_000, timeoutName: 'SYNC_OP_TIMEOUT', rateLimit: 5, windowMs: 3_600_000 },
  batch: { permits: 2, separateWrites: false, timeoutMs: 10_000, timeoutName: 'BATCH_OP_TIMEOUT', rateLimit: 10, windowMs: 86_400_000 },
  admin: { permits: 2, separateWrites: false, timeoutMs: 1000, timeoutName: 'ADMIN_OP_TIMEOUT', rateLimit: 10, windowMs: 60_000 },
};

export interface GateKit {
  readonly gate: AdmissionGate;
  readonly town: SmallTown;
  readonly accounts: Accounts;
  readonly records: CallRecord[];
}

export function gateKit(overrides: Partial<AdmissionDeps> & { readonly clock?: Clock } = {}): GateKit {
  const town = new SmallTown();
  const accounts = new Accounts();
  const records: CallRecord[] = [];
  const gate = new AdmissionGate({
    clock: systemClock,
    random: () => 0.5,
    logger: silentLogger,
    authority: town,
    accounts,
    observer: { finished: (record) => void records.push(record) },
    lanes: LANE_TABLE,
    maxOpsPerUser: 3,
    maxWaitingPerUser: 32,
    serviceShare: 2,
    maxStorageBytes: 1000,
    checkOutputs: true,
    ...overrides,
  });
  return { gate, town, accounts, records };
}

export type Work = (input: Readonly<Record<string, unknown>>, ctx: OperationContext) => Promise<unknown>;

/** An operation of lane `memory` on `input.space`, whose work is the function given. */
export function operationOf(work: Work, overrides: Partial<BoundOperation> = {}): BoundOperation {
  const declared = defineOperation<Work>()({
    name: 'do_work',
    title: 'Do work',
    description: 'Does what the test says.',
    input: z.object({ space: z.string().optional(), spaces: z.unknown().optional(), id: z.string().optional(), n: z.int().optional() }),
    output: z.unknown(),
    effect: 'read',
    lane: 'memory',
    scope: 'memory:read',
    target: { kind: 'space', role: 'reader' },
    http: { method: 'POST', path: '/work' },
    run: (run, input, ctx) => run(input, ctx),
  });
  return { ...bindOperation(declared, work), ...overrides };
}

export function options(overrides: Partial<CallOptions> = {}): CallOptions {
  return { requestId: 'req_test', origin: { surface: 'internal' }, signal: new AbortController().signal, ...overrides };
}

/** A promise with its ends in hand. */
export function gateway(): { readonly passed: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve };
}
