import type { Scope } from '../../kernel/operation.ts';

/** What a credential may do: scopes, the spaces it is limited to (absent = all of its user's), and until when (absent = for good). */
export interface Grant {
  readonly scopes: readonly Scope[];
  readonly spaces?: readonly string[];
  readonly expiresAt?: number;
}

/** A wish with the creator's own bounds where it names none. */
export function withinBounds(creator: Grant, wish: Grant): Grant {
  const spaces = wish.spaces ?? creator.spaces;
  const expiresAt = wish.expiresAt ?? creator.expiresAt;
  return { scopes: wish.scopes, ...(spaces !== undefined && { spaces }), ...(expiresAt !== undefined && { expiresAt }) };
}

/** In which point a wish exceeds its creator, as a sentence; undefined when in none. */
export function excessOf(creator: Grant, wish: Grant): string | undefined {
  const scopes = wish.scopes.filter((scope) => !creator.scopes.includes(scope));
  if (scopes.length > 0) return `A key never holds more than its creator: yours lacks ${scopes.join(', ')}.`;
  if (!isWithin(wish.spaces, creator.spaces)) return 'A key never holds more than its creator: yours is limited to fewer spaces.';
  if ((wish.expiresAt ?? Infinity) > (creator.expiresAt ?? Infinity)) return 'A key never holds more than its creator: yours expires earlier.';
  return undefined;
}

function isWithin(wish: readonly string[] | undefined, bound: readonly string[] | undefined): boolean {
  if (bound === undefined) return true;
  return wish !== undefined && wish.every((space) => bound.includes(space));
}
