import { PolymniaError } from '../../kernel/errors.ts';
import type { Principal, Scope } from '../../kernel/operation.ts';
import type { AuditEntry } from './model.ts';

/** Who did something, for the audit: not a principal, since the server itself acts too. */
export interface Actor {
  readonly userId: string;
  readonly credentialId: string;
}

/** The server itself: start-up and what is taken up again after a crash. */
export const SYSTEM_ACTOR: Actor = { userId: 'system', credentialId: 'system' };

export function actorOf(principal: Principal): Actor {
  return { userId: principal.caller.userId, credentialId: principal.credential.id };
}

export function holds(principal: Principal, scope: Scope): boolean {
  return principal.credential.scopes.includes(scope);
}

/** The gate asks for scopes too; this is the second lock on the same door. */
export function requireScope(principal: Principal, scope: Scope): void {
  if (!holds(principal, scope)) throw new PolymniaError('forbidden', `This needs a credential with scope ${scope}.`);
}

export function auditEntry(actor: Actor, at: number, action: string, subject: string, facts: Readonly<Record<string, unknown>> = {}): AuditEntry {
  return { at, actor: actor.userId, credential: actor.credentialId, action, subject, facts };
}
