import { PolymniaError } from '../../kernel/errors.ts';
import type { ListPage, ListPosition } from './store.ts';

/** One page of a list; `nextCursor` is absent on the last one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string;
}

/** As callers ask for a page. A cursor is a place, never a right: every filter and check applies to each page anew. */
export interface PageRequest {
  readonly cursor?: string | undefined;
  readonly limit: number;
}

const CURSOR = /^(\d{1,16})\.([\w:-]{1,100})$/;

function parseCursor(cursor: string): ListPosition {
  const match = CURSOR.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  const [, at, id] = match ?? [];
  if (at === undefined || id === undefined) throw new PolymniaError('invalid_input', 'The cursor is not one this list gave; start without one.');
  return { at: Number(at), id };
}

/** Reads one row more than asked for, to know whether there is a next page. */
export async function readPage<T>(
  request: PageRequest,
  read: (page: ListPage) => Promise<readonly T[]>,
  place: (item: T) => ListPosition,
): Promise<Page<T>> {
  const rows = await read({ limit: request.limit + 1, ...(request.cursor !== undefined && { after: parseCursor(request.cursor) }) });
  if (rows.length <= request.limit) return { items: rows };
  const items = rows.slice(0, request.limit);
  const last = items.at(-1);
  if (last === undefined) return { items };
  const { at, id } = place(last);
  return { items, nextCursor: Buffer.from(`${at}.${id}`, 'latin1').toString('base64url') };
}
