import type { RemovedSlice, SweptTurns } from '../../../../domains/conversation/store.ts';
import type { Cell } from '../cell.ts';
import { purgeRow } from '../delete-memory.ts';
import { int } from '../memory-row.ts';
import { newTally, settleTally, type Tally } from '../meta.ts';
import { liveConversation } from './conversation-rows.ts';

/** Rows of one kind deleted in one slice. */
const SLICE = 100;

export interface RemoveConversationArgs {
  readonly now: number;
  readonly uuid: string;
  readonly thread: string;
}

/** Memories first, the conversation last: what was cut off is found again by its id. */
export function removeConversation(cell: Cell, { now, uuid, thread }: RemoveConversationArgs): RemovedSlice | undefined {
  const conversation = liveConversation(cell, uuid, now);
  if (conversation === undefined) return undefined;
  const id = int(conversation, 'id');
  const tally = newTally();
  const doomed = cell.all('select m.id, m.uuid, m.bytes, m.tags from memories m where m.thread = ? limit ?', thread, SLICE);
  for (const row of doomed) purgeRow(cell, row, tally);
  const isLast = doomed.length < SLICE;
  const turns = isLast ? purgeTurns(cell, id, SLICE, tally) : 0;
  const done = isLast && turns < SLICE;
  if (done) purgeConversation(cell, id, tally);
  settleTally(cell, tally);
  return { done, turns, memories: doomed.length, freedBytes: 0 - tally.bytes };
}

/** The conversation with all its turns. */
export function purgeConversation(cell: Cell, id: number, tally: Tally): void {
  purgeTurns(cell, id, -1, tally);
  const title = cell.get('delete from conversations where id = ? returning title', id)?.['title'];
  tally.bytes -= Buffer.byteLength(String(title ?? ''));
}

function purgeTurns(cell: Cell, conversation: number, limit: number, tally: Tally): number {
  const rows = cell.all('select id, bytes from turns where conversation = ? order by number limit ?', conversation, limit);
  for (const row of rows) {
    tally.bytes -= int(row, 'bytes');
    cell.run('delete from turns where id = ?', int(row, 'id'));
  }
  return rows.length;
}

export interface SweepTurnsArgs {
  readonly now: number;
  readonly sweep: { readonly owner?: string; readonly limit: number };
}

const INTERRUPTED = JSON.stringify({ code: 'overloaded', message: 'interrupted: the server stopped while this answer was being made.' });

export function sweepTurns(cell: Cell, { now, sweep: { owner, limit } }: SweepTurnsArgs): SweptTurns {
  const tally = newTally();
  const interrupted = interruptLost(cell, now, owner, limit, tally);
  const removed = purgeExpired(cell, now, limit, tally);
  settleTally(cell, tally);
  const next = cell.get(
    `select min(at) as at from (select min(lease_until) as at from turns where lease_until is not null
     union all select min(expires_at) from conversations where expires_at is not null)`,
  )?.['at'];
  return { interrupted, removed, freedBytes: 0 - tally.bytes, ...(next == null ? {} : { nextAt: Number(next) }) };
}

/** Up to `limit` conversations; one with more turns than a slice takes goes with the last of them, in a later call. */
function purgeExpired(cell: Cell, now: number, limit: number, tally: Tally): number {
  const expired = cell.all('select id from conversations where expires_at <= ? order by expires_at limit ?', now, limit);
  let turnsLeft = SLICE;
  let removed = 0;
  for (const row of expired) {
    turnsLeft -= purgeTurns(cell, int(row, 'id'), turnsLeft, tally);
    if (turnsLeft === 0) break;
    purgeConversation(cell, int(row, 'id'), tally);
    removed += 1;
  }
  return removed;
}

/** The text such a turn had when it was last saved stays, and counts from now on. */
function interruptLost(cell: Cell, now: number, owner: string | undefined, limit: number, tally: Tally): number {
  const isLost = owner === undefined ? 'lease_until <= ?' : '(lease_until <= ? or owner <> ?)';
  const rows = cell.all(
    `update turns set state = 'failed', error = ?, owner = null, lease_until = null, ended_at = ?, bytes = bytes + length(cast(answer as blob))
     where id in (select id from turns where lease_until is not null and ${isLost} limit ?) returning length(cast(answer as blob)) as bytes`,
    INTERRUPTED,
    now,
    now,
    ...(owner === undefined ? [] : [owner]),
    limit,
  );
  for (const row of rows) tally.bytes += int(row, 'bytes');
  return rows.length;
}
