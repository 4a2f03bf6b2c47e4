/** Whose authority shrank: each given field must match a call for the call to end. */
export interface AuthorityChange {
  readonly userId?: string;
  readonly credentialId?: string;
  readonly spaceId?: string;
}

/**
 * Tells, after the commit, of every loss of authority. What one service named acts under the service's key: when a service is
 * disabled or deleted, a change for each of its keys is told beside the one for the user.
 */
export class AuthorityFeed {
  readonly #listeners = new Set<(change: AuthorityChange) => void>();

  /** The returned function ends the subscription. */
  subscribe(listener: (change: AuthorityChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tell(change: AuthorityChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}
