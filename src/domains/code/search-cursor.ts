import { createHash } from 'node:crypto';
import { z } from 'zod';
import { PolymniaError } from '../../kernel/errors.ts';
import type { SpaceAccess } from '../../kernel/operation.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import type { SearchCodeInput } from './search-inputs.ts';

/** Files that can be paged through. */
export const MAX_OFFSET = 500;

const payload = z.object({ h: z.string(), o: z.int().min(0).max(MAX_OFFSET) });

/** Opaque text for how many files were shown of a search; good only for the same search in the same spaces. It carries no right. */
export function writeCursor(input: SearchCodeInput, spaces: readonly SpaceAccess[], offset: number): string {
  return Buffer.from(JSON.stringify({ h: binding(input, spaces), o: offset })).toString('base64url');
}

/** How many files to pass over; rejects with `invalid_input` a cursor of another search. */
export function readCursor(input: SearchCodeInput, spaces: readonly SpaceAccess[]): number {
  if (input.cursor === undefined) return 0;
  const parsed = payload.safeParse(parseJson(Buffer.from(input.cursor, 'base64url').toString('utf8')));
  if (parsed.success && parsed.data.h === binding(input, spaces)) return parsed.data.o;
  throw new PolymniaError('invalid_input', 'cursor: it does not belong to this search. Repeat the call it came from, or start without it.', {
    details: { field: 'cursor' },
  });
}

function binding({ query, mode, caseSensitive, repositories, languages, paths, kinds }: SearchCodeInput, spaces: readonly SpaceAccess[]): string {
  const conditions = JSON.stringify([query, mode, caseSensitive, repositories, languages, paths, kinds, spaces.map(({ id }) => id)]);
  return createHash('sha256').update(conditions).digest('base64url').slice(0, 12);
}
