/**
 * What became of a user's personal space or of a shared one; in a dry run, what would. `let_go`: files closed, the space kept in
 * use; `in_use`: left alone, since somebody came back.
 */
export const CLEAN_UP_ACTIONS = ['let_go', 'archived', 'in_use', 'failed'] as const;
export type CleanUpAction = (typeof CLEAN_UP_ACTIONS)[number];

/** One row of a report. */
export interface CleanUpItem {
  /** Whose personal space it is; absent for a shared one. */
  readonly userId?: string;
  /** Of a shared space. */
  readonly spaceId?: string;
  /** UTC ms. */
  readonly lastActiveAt: number;
  readonly action: CleanUpAction;
}

export interface CleanUpReport {
  readonly dryRun: boolean;
  /** Users who have been away for INACTIVE_AFTER, and shared spaces all of whose members have. */
  readonly idleUsers: number;
  readonly idleSharedSpaces: number;
  /** Spaces by what became of them; those with nothing to do count nowhere. */
  readonly letGo: number;
  readonly archived: number;
  readonly inUse: number;
  readonly failed: number;
  /** Spaces that were archived before. */
  readonly alreadyArchived: number;
  /** Of the spaces archived by this run; in a dry run of those that would be, and then 0 after. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** False when the run was ended before it had seen everything: the next one goes on. */
  readonly complete: boolean;
  /** The first ones, up to {@link MAX_ITEMS}; those with nothing to do are left out. */
  readonly items: readonly CleanUpItem[];
}

export const MAX_ITEMS = 100;

interface Counts {
  idleUsers: number;
  idleSharedSpaces: number;
  alreadyArchived: number;
  bytesBefore: number;
  bytesAfter: number;
}

/** A report that grows. */
export class CleanUpTally {
  readonly #dryRun: boolean;
  readonly #counts: Counts = { idleUsers: 0, idleSharedSpaces: 0, alreadyArchived: 0, bytesBefore: 0, bytesAfter: 0 };
  readonly #actions: Record<CleanUpAction, number> = { let_go: 0, archived: 0, in_use: 0, failed: 0 };
  readonly #items: CleanUpItem[] = [];
  #complete = true;

  constructor(dryRun: boolean) {
    this.#dryRun = dryRun;
  }

  /** Users and spaces seen so far. */
  get seen(): number {
    return this.#counts.idleUsers + this.#counts.idleSharedSpaces;
  }

  count(what: keyof Counts, amount = 1): void {
    this.#counts[what] += amount;
  }

  add(item: CleanUpItem): void {
    this.#actions[item.action] += 1;
    if (this.#items.length < MAX_ITEMS) this.#items.push(item);
  }

  endEarly(): void {
    this.#complete = false;
  }

  report(): CleanUpReport {
    const { let_go: letGo, archived, in_use: inUse, failed } = this.#actions;
    return { dryRun: this.#dryRun, ...this.#counts, letGo, archived, inUse, failed, complete: this.#complete, items: [...this.#items] };
  }
}
