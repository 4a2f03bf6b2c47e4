import { CONVERSATION_KIND } from '../../../../domains/conversation/model.ts';
import type { KeptFor, KeptSlice } from '../../../../domains/conversation/store.ts';
import { formatRecordId, type SpaceKey } from '../../../../kernel/ids.ts';
import type { Cell, Row } from '../cell.ts';
import { int, uuidBytes, uuidText } from '../memory-row.ts';
import { LIVE } from './conversation-rows.ts';

/** Conversations looked at, and memories changed, in one slice. */
const LOOKED_AT = 200;
const CHANGED = 500;

/** When its user last said something: from then on a turn counts too. */
const SAID_AT = 'coalesce((select t.created_at from turns t where t.conversation = c.id order by t.number desc limit 1), c.last_at)';

export interface KeepConversationsArgs {
  readonly now: number;
  readonly keep: KeptFor;
  readonly space: SpaceKey;
}

/** The memories of a conversation first, then itself: one that was cut off is seen, and so found again. */
export function keepConversations(cell: Cell, { now, keep: { keepMs, after }, space }: KeepConversationsArgs): KeptSlice {
  const rows = cell.all(
    `select c.id, c.uuid, c.expires_at, ${SAID_AT} as said_at from conversations c
     where c.uuid > ? and c.temporary = 0 and ${LIVE} and alive() order by c.uuid limit ${LOOKED_AT}`,
    uuidBytes(after ?? ''),
    now,
  );
  let changesLeft = CHANGED;
  let next = after;
  for (const row of rows) {
    const until = keepMs === undefined ? null : int(row, 'said_at') + keepMs;
    changesLeft -= keepThread(cell, row, { space, until, now, limit: changesLeft });
    if (changesLeft === 0) return { done: false, ...(next === undefined ? {} : { next }) };
    cell.run('update conversations set expires_at = ? where id = ? and expires_at is not ?', until, int(row, 'id'), until);
    next = uuidText(row['uuid']);
  }
  return { done: rows.length < LOOKED_AT, ...(next === undefined ? {} : { next }) };
}

interface ThreadKept {
  readonly space: SpaceKey;
  readonly until: number | null;
  readonly now: number;
  readonly limit: number;
}

/** Memories that went with their conversation go with it again; those given an earlier end keep it, and none outlives it. Number changed. */
function keepThread(cell: Cell, conversation: Row, { space, until, now, limit }: ThreadKept): number {
  const thread = formatRecordId({ kind: CONVERSATION_KIND, space, uuid: uuidText(conversation['uuid']) });
  return cell.run(
    `update memories set expires_at = ?1 where id in (
       select m.id from memories m where m.thread = ?2 and m.expires_at is not ?1 and (m.expires_at is null or m.expires_at > ?3)
         and (m.expires_at is ?4 or m.expires_at is null or m.expires_at > ?1) and alive() limit ?5)`,
    until,
    thread,
    now,
    conversation['expires_at'] ?? null,
    limit,
  );
}
