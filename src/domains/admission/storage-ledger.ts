import { BoundedMap } from '../../kernel/bounded-map.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Reservation, SpaceAccess, StorageQuota } from '../../kernel/operation.ts';
import { createReservation } from '../../kernel/reservation.ts';
import type { StorageAccounts } from './ports.ts';

/** Accounts held in memory; one that is in nobody's use is read again when needed. */
const MAX_ACCOUNTS = 100_000;
/** A reservation nobody settled stops counting after this time: longer than any call may run. */
const RESERVATION_TTL_MS = 3 * 3_600_000;

interface Account {
  used: number;
  reserved: number;
  readonly group: Account | undefined;
}

interface LedgerDeps {
  readonly accounts: StorageAccounts;
  readonly clock: Clock;
  readonly maxBytes: number;
  readonly serviceShare: number;
}

/**
 * Storage quotas: reserved before a write, settled with what it really added. Totals live in memory, start from what the
 * spaces themselves say, and are saved now and then for reports; no write waits for that.
 */
export class StorageLedger implements StorageQuota {
  readonly #deps: LedgerDeps;
  readonly #accounts = new BoundedMap<string, Account>({ maxSize: MAX_ACCOUNTS });
  readonly #groups = new BoundedMap<string, Account>({ maxSize: MAX_ACCOUNTS });
  readonly #loading = new Map<string, Promise<Account>>();
  readonly #unsaved = new Set<string>();

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
  }

  async reserve(space: SpaceAccess, bytes: number): Promise<Reservation> {
    const account = await this.#account(space.payer);
    this.#refuseOver(account, bytes, space.payerStorageBytes ?? this.#deps.maxBytes, 'The storage of this space’s payer');
    if (account.group !== undefined) {
      this.#refuseOver(account.group, bytes, this.#deps.maxBytes * this.#deps.serviceShare, 'The storage of the whole service');
    }
    return this.#open(space.payer, account, bytes);
  }

  /** What a payer uses now, without what is only reserved. */
  async used(payer: string): Promise<number> {
    return (await this.#account(payer)).used;
  }

  /** Forgets an account, so that it is read afresh: after a space changed its payer or went, with or without its user. */
  async forget(payer: string): Promise<void> {
    const account = this.#accounts.get(payer);
    if (account === undefined) return;
    this.#accounts.delete(payer);
    const { group } = account;
    // Reading afresh adds what differs from the saved total; until then the group holds just that.
    if (group !== undefined) group.used = Math.max(0, group.used - account.used + (await this.#deps.accounts.savedBytes(payer)));
  }

  /** Saves the totals that changed since the last time. */
  async flush(): Promise<void> {
    if (this.#unsaved.size === 0) return;
    const totals = new Map<string, number>();
    for (const payer of this.#unsaved) {
      const account = this.#accounts.get(payer);
      if (account !== undefined) totals.set(payer, account.used);
    }
    this.#unsaved.clear();
    await this.#deps.accounts.save(totals);
  }

  #refuseOver(account: Account, bytes: number, limit: number, whose: string): void {
    if (bytes <= 0 || account.used + account.reserved + bytes <= limit) return;
    const message = `${whose} is full: ${account.used} of ${limit} bytes are used, ${bytes} more were asked for.`;
    throw new PolymniaError('quota_exceeded', message, { details: { usedBytes: account.used, limitBytes: limit } });
  }

  #open(payer: string, account: Account, bytes: number): Reservation {
    const chain = account.group === undefined ? [account] : [account, account.group];
    for (const each of chain) each.reserved += bytes;
    return createReservation(this.#deps.clock, RESERVATION_TTL_MS, (actual) => {
      for (const each of chain) {
        each.reserved -= bytes;
        each.used = Math.max(0, each.used + actual);
      }
      if (actual !== 0) this.#unsaved.add(payer);
    });
  }

  async #account(payer: string): Promise<Account> {
    const kept = this.#accounts.get(payer);
    if (kept !== undefined) return kept;
    const loading = this.#loading.get(payer) ?? this.#load(payer).finally(() => this.#loading.delete(payer));
    this.#loading.set(payer, loading);
    return loading;
  }

  async #load(payer: string): Promise<Account> {
    const { accounts } = this.#deps;
    const [used, groupId] = await Promise.all([accounts.usedBytes(payer), accounts.groupOf(payer)]);
    const group = groupId === payer ? undefined : await this.#group(groupId);
    if (group !== undefined) group.used = Math.max(0, group.used + used - (await accounts.savedBytes(payer)));
    const account = { used, reserved: 0, group };
    this.#accounts.set(payer, account);
    this.#unsaved.add(payer);
    return account;
  }

  async #group(groupId: string): Promise<Account> {
    const used = await this.#deps.accounts.groupBytes(groupId);
    const group = this.#groups.get(groupId) ?? { used, reserved: 0, group: undefined };
    this.#groups.set(groupId, group);
    return group;
  }
}
