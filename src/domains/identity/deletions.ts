import { notFound } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/operation.ts';
import { type Actor, actorOf, auditEntry, requireScope, SYSTEM_ACTOR } from './actor.ts';
import type { IdentityCore } from './identity-core.ts';
import type { DeletionIntent, Space } from './model.ts';
import { deletionObstacle, type DeletionPlan, type ListPosition } from './store.ts';

export interface UserDeletion {
  readonly userId: string;
  /** Also remove what the user wrote into shared spaces. */
  readonly purgeAuthored: boolean;
  /** Tell what would happen, change nothing. */
  readonly dryRun: boolean;
}

/** What went and what stayed. */
export interface UserDeletionReport {
  readonly userId: string;
  readonly dryRun: boolean;
  readonly gone: {
    readonly keys: number;
    readonly memberships: number;
    /** Bytes only once it has been done. */
    readonly personalSpace: { readonly id?: string; readonly bytes?: number };
    /** Shared spaces from which records were removed. */
    readonly authored: readonly { readonly spaceId: string; readonly removed: number }[];
  };
  readonly stayed: {
    /** The id that remains as author. */
    readonly author: string;
    /** Shared spaces that keep what the user wrote. */
    readonly sharedSpaces: readonly { readonly id: string; readonly name: string }[];
  };
}

export interface SpaceDeletionReport {
  readonly spaceId: string;
  readonly members: number;
  readonly bytes: number;
}

interface Applied {
  readonly bytes: number;
  readonly authored: readonly { readonly spaceId: string; readonly removed: number }[];
}

/** Spaces looked at in one page of a purge. */
const PURGE_PAGE = 100;

/**
 * Deletions cross two files. First `system.db` says it, with an intent, in one transaction: from then on nobody gets in. Then
 * the files go, idempotently; then the intent goes. After a crash `resume()` does what is left.
 */
export class Deletions {
  readonly #core: IdentityCore;

  constructor(core: IdentityCore) {
    this.#core = core;
  }

  /** Refused with `conflict` while the user is last owner or payer of a shared space; details name the spaces. */
  async deleteUser(principal: Principal, { userId, purgeAuthored, dryRun }: UserDeletion): Promise<UserDeletionReport> {
    requireScope(principal, 'admin');
    const begun = dryRun ? undefined : await this.#begun(userId);
    if (begun !== undefined) return reportOf(userId, undefined, await this.#apply(begun, actorOf(principal)));
    if (dryRun) return this.#rehearse(userId, purgeAuthored);
    const plan = await this.#core.store.deletionPlan(userId);
    if (plan === undefined) throw notFound('user');
    const intent = this.#intent({ kind: 'user', userId }, plan.personal.key, purgeAuthored);
    const facts = { purgeAuthored, intent: intent.id };
    const done = await this.#core.store.beginUserDeletion(
      userId,
      intent,
      auditEntry(actorOf(principal), intent.createdAt, 'delete_user', userId, facts),
    );
    this.#core.lost({ userId });
    for (const credentialId of done.keys) this.#core.lost({ credentialId });
    return reportOf(userId, done, await this.#apply(intent, actorOf(principal)));
  }

  /** The caller has checked who may. */
  async deleteSpace(actor: Actor, space: Space): Promise<SpaceDeletionReport> {
    const intent = this.#intent({ kind: 'space', spaceId: space.id }, space.key, false);
    const audit = auditEntry(actor, intent.createdAt, 'delete_space', space.id, { intent: intent.id });
    const { members } = await this.#core.store.beginSpaceDeletion(space.id, intent, audit);
    this.#core.lost({ spaceId: space.id });
    const { bytes } = await this.#apply(intent, actor);
    await this.#core.accountChanged(space.payer);
    return { spaceId: space.id, members, bytes };
  }

  /** Ends deletions that a crash or a failing disk interrupted; answers how many. */
  async resume(): Promise<number> {
    const open = await this.#core.store.openDeletions();
    for (const intent of open) await this.#apply(intent, SYSTEM_ACTOR);
    return open.length;
  }

  async #begun(userId: string): Promise<DeletionIntent | undefined> {
    const open = await this.#core.store.openDeletions();
    return open.find(({ subject }) => subject.kind === 'user' && subject.userId === userId);
  }

  async #rehearse(userId: string, purgeAuthored: boolean): Promise<UserDeletionReport> {
    const plan = await this.#core.store.deletionPlan(userId);
    if (plan === undefined) throw notFound('user');
    const refusal = deletionObstacle(plan);
    if (refusal !== undefined) throw refusal;
    const report = reportOf(userId, plan, undefined);
    return purgeAuthored ? { ...report, stayed: { ...report.stayed, sharedSpaces: [] } } : report;
  }

  #intent(subject: DeletionIntent['subject'], spaceKey: string, purgeAuthored: boolean): DeletionIntent {
    return { id: this.#core.ids.handle('intent'), subject, spaceKey, purgeAuthored, createdAt: this.#core.clock.now() };
  }

  async #apply(intent: DeletionIntent, actor: Actor): Promise<Applied & { readonly purged: boolean }> {
    const { store, spaceData, clock } = this.#core;
    const { subject } = intent;
    const { bytes } = await spaceData.drop(intent.spaceKey);
    const authored = intent.purgeAuthored && subject.kind === 'user' ? await this.#purge(subject.userId) : [];
    const id = subject.kind === 'user' ? subject.userId : subject.spaceId;
    await store.finishDeletion(intent.id, auditEntry(actor, clock.now(), `delete_${subject.kind}_done`, id, { bytes, authored, intent: intent.id }));
    if (subject.kind === 'user') await this.#core.accountChanged(subject.userId);
    return { bytes, authored, purged: intent.purgeAuthored };
  }

  /** Every shared space: the user may have written into one and left it since. */
  async #purge(author: string): Promise<Applied['authored']> {
    const { store, spaceData } = this.#core;
    const authored: { spaceId: string; removed: number }[] = [];
    let after: ListPosition | undefined;
    for (;;) {
      const spaces = await store.spaces(undefined, { limit: PURGE_PAGE, ...(after !== undefined && { after }) });
      for (const { id, key, payer } of spaces) {
        const { removed } = await spaceData.purgeAuthored(key, author);
        if (removed === 0) continue;
        authored.push({ spaceId: id, removed });
        await this.#core.accountChanged(payer);
      }
      const last = spaces.at(-1);
      if (last === undefined || spaces.length < PURGE_PAGE) return authored;
      after = { at: last.createdAt, id: last.id };
    }
  }
}

/** Without a plan the deletion had begun earlier: keys and memberships went then. */
function reportOf(userId: string, plan: DeletionPlan | undefined, applied: (Applied & { readonly purged: boolean }) | undefined): UserDeletionReport {
  return {
    userId,
    dryRun: applied === undefined,
    gone: {
      keys: plan?.keys.length ?? 0,
      memberships: plan?.memberships.length ?? 0,
      personalSpace: { ...(plan && { id: plan.personal.id }), ...(applied && { bytes: applied.bytes }) },
      authored: applied?.authored ?? [],
    },
    stayed: { author: userId, sharedSpaces: applied?.purged === true ? [] : (plan?.memberships ?? []) },
  };
}
