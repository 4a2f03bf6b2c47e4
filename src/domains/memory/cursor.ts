import { parseJson } from '../../kernel/parse-json.ts';
import { z } from 'zod';
import { PolymniaError } from '../../kernel/errors.ts';
import type { SpaceKey } from '../../kernel/ids.ts';
import type { HalfOpenRange } from './filtering.ts';
import type { FilterInput } from './inputs.ts';
import { hashOf } from './json.ts';

const uuid = z.string().regex(/^[0-9a-f]{32}$/);
const payload = z.object({ h: z.string(), u: uuid, o: z.int().optional(), s: z.int().optional(), t: z.int().optional() });

/** Where a page ended. Times in UTC ms. */
export interface PageEnd {
  readonly uuid: string;
  /** Only in lists ordered by time. */
  readonly occurredAt?: number;
  /** The range the first page used: words like "last week" must not move between pages. */
  readonly range: HalfOpenRange;
}

/**
 * Opaque text for the place where a page ended, good only for the same conditions in the same space. It carries no right:
 * it is read after the caller was admitted to the space, and can only name a place in it.
 */
export function writeCursor(space: SpaceKey, conditions: FilterInput, end: PageEnd): string {
  const { sinceMs: s, untilMs: t } = end.range;
  return Buffer.from(JSON.stringify({ h: binding(space, conditions), u: end.uuid, o: end.occurredAt, s, t })).toString('base64url');
}

/** The inverse of {@link writeCursor}; rejects with `invalid_input` a cursor of another space, other conditions, or none at all. */
export function readCursor(space: SpaceKey, conditions: FilterInput, cursor: string): PageEnd {
  const parsed = payload.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString('utf8')));
  if (!parsed.success || parsed.data.h !== binding(space, conditions)) {
    throw new PolymniaError(
      'invalid_input',
      'cursor: it does not belong to this space and these conditions. Repeat the call it came from, or start without it.',
      {
        details: { field: 'cursor' },
      },
    );
  }
  const { u, o, s, t } = parsed.data;
  return {
    uuid: u,
    ...(o === undefined ? {} : { occurredAt: o }),
    range: { ...(s === undefined ? {} : { sinceMs: s }), ...(t === undefined ? {} : { untilMs: t }) },
  };
}

function binding(space: SpaceKey, conditions: FilterInput): string {
  const { tagsAny, tagsAll, type, thread, since, until, timeZone, metadata, importId } = conditions;
  return hashOf({ space, tagsAny, tagsAll, type, thread, since, until, timeZone, metadata, importId }).slice(0, 16);
}
