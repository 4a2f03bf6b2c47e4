import type { Deadline } from '../../kernel/abort.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Principal, SpaceAccess } from '../../kernel/operation.ts';
import type { AuthorityChange } from './ports.ts';

interface LiveCall {
  readonly principal: Principal;
  readonly spaces: readonly SpaceAccess[];
  readonly deadline: Deadline;
}

/** The answer to a call whose credential, role or user went meanwhile. */
export function groundGone(): PolymniaError {
  return new PolymniaError('unauthenticated', 'The credential, role or user this call rested on is gone.');
}

/** Calls and streams that run now, so that one whose ground is gone can be ended at once. */
export class LiveCalls {
  readonly #calls = new Set<LiveCall>();

  get size(): number {
    return this.#calls.size;
  }

  /** Registers a call until the returned value is disposed. */
  add(principal: Principal, spaces: readonly SpaceAccess[], deadline: Deadline): Disposable {
    const call = { principal, spaces, deadline };
    this.#calls.add(call);
    return { [Symbol.dispose]: () => void this.#calls.delete(call) };
  }

  /** Ends every call, for this reason. */
  endAll(reason: PolymniaError): void {
    for (const call of this.#calls) call.deadline.abort(reason);
  }

  /** Ends every call that rested on what is gone. */
  end(change: AuthorityChange): void {
    for (const call of this.#calls) {
      if (rests(call, change)) call.deadline.abort(groundGone());
    }
  }
}

function rests(call: LiveCall, change: AuthorityChange): boolean {
  if (change.userId !== undefined && change.userId !== call.principal.caller.userId) return false;
  if (change.credentialId !== undefined && change.credentialId !== call.principal.credential.id) return false;
  return change.spaceId === undefined || call.spaces.some((space) => space.id === change.spaceId);
}
