import type { BegunTurn, NewTurn, TokensSpent, TurnEnd, TurnSave } from '../../../../domains/conversation/store.ts';
import { CONVERSATION_KIND } from '../../../../domains/conversation/model.ts';
import type { NewMemory } from '../../../../domains/memory/model.ts';
import { formatRecordId, type SpaceKey } from '../../../../kernel/ids.ts';
import { CellFailure, type Cell, type Row } from '../cell.ts';
import { storeMemory } from '../insert-memory.ts';
import { int, uuidBytes, uuidText } from '../memory-row.ts';
import { newTally, settleTally } from '../meta.ts';
import { noteTokeniser } from '../text-index.ts';
import { noteTarget } from '../vectors.ts';
import { CONVERSATION_COLUMNS, LIVE, liveConversation } from './conversation-rows.ts';
import { purgeConversation } from './conversation-removal.ts';

/** A turn that may still be written by this owner. */
const OPEN = "uuid = ? and owner = ? and state in ('queued', 'running')";

export interface BeginTurnArgs {
  readonly now: number;
  readonly turn: NewTurn;
}

export function beginTurn(cell: Cell, { now, turn }: BeginTurnArgs): BegunTurn {
  const tally = newTally();
  const conversation = find(cell, turn, now) ?? make(cell, turn, now, tally);
  const id = int(conversation, 'id');
  const number = int(conversation, 'turns') + 1;
  const bytes = Buffer.byteLength(turn.userText);
  cell.run(
    `update conversations set turns = ?, last_at = max(last_at, ?), expires_at = iif(temporary, expires_at, coalesce(?, expires_at)) where id = ?`,
    number,
    now,
    turn.keepUntil ?? null,
    id,
  );
  if (turn.keepUntil !== undefined) keepMemories(cell, conversation, turn.space, turn.keepUntil);
  cell.run(
    `insert into turns (uuid, conversation, number, state, author, owner, lease_until, created_at, bytes, user_text)
     values (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)`,
    uuidBytes(turn.uuid),
    id,
    number,
    turn.author,
    turn.owner,
    turn.leaseUntil,
    now,
    bytes,
    turn.userText,
  );
  tally.bytes += bytes;
  settleTally(cell, tally);
  const last = cell.get("select max(number) as n from turns where conversation = ? and number < ? and state in ('done', 'stopped')", id, number);
  return {
    uuid: turn.uuid,
    number,
    conversation: uuidText(conversation['uuid']),
    isTemporary: int(conversation, 'temporary') === 1,
    lastAnswered: Number(last?.['n'] ?? 0),
    addedBytes: tally.bytes,
  };
}

/** What is remembered of a conversation goes with it, not before. */
function keepMemories(cell: Cell, conversation: Row, space: SpaceKey, until: number): void {
  const thread = formatRecordId({ kind: CONVERSATION_KIND, space, uuid: uuidText(conversation['uuid']) });
  cell.run('update memories set expires_at = ? where thread = ? and coalesce(expires_at, 0) < ? and alive()', until, thread, until);
}

function find(cell: Cell, { ref, author }: NewTurn, now: number): Row | undefined {
  switch (ref.kind) {
    case 'new':
      return undefined;
    case 'id': {
      const found = liveConversation(cell, ref.uuid, now);
      if (found === undefined) throw new CellFailure('not_found', 'There is no such conversation.');
      return found;
    }
    case 'key':
      return cell.get(
        `select ${CONVERSATION_COLUMNS} from conversations c where c.author = ? and c.client_key = ? and ${LIVE}`,
        author,
        ref.key,
        now,
      );
    case 'history':
      return cell.get(
        `select ${CONVERSATION_COLUMNS} from turns t join conversations c on c.id = t.conversation
         where t.history = ? and c.author = ? and ${LIVE} order by t.id desc limit 1`,
        ref.hash,
        author,
        now,
      );
  }
}

/** An expired one that still has the key gives way. */
function make(cell: Cell, { ref, made, author }: NewTurn, now: number, tally: ReturnType<typeof newTally>): Row {
  const key = ref.kind === 'key' ? ref.key : null;
  const expired = key === null ? undefined : cell.get('select id, uuid from conversations where author = ? and client_key = ?', author, key);
  if (expired !== undefined) purgeConversation(cell, int(expired, 'id'), tally);
  const bytes = Buffer.byteLength(made.title);
  tally.bytes += bytes;
  const row = cell.get(
    `insert into conversations (uuid, author, client_key, created_at, last_at, expires_at, temporary, turns, title)
     values (?, ?, ?, ?, ?, ?, ?, 0, ?) returning id, uuid, temporary, turns`,
    uuidBytes(made.uuid),
    author,
    key,
    now,
    now,
    made.expiresAt ?? null,
    Number(made.isTemporary),
    made.title,
  );
  if (row === undefined) throw new CellFailure('internal', 'A conversation could not be made.');
  return row;
}

export interface SaveTurnArgs {
  readonly now: number;
  readonly save: TurnSave;
}

export function saveTurn(cell: Cell, { now, save }: SaveTurnArgs): boolean {
  const { uuid, owner, leaseUntil, answer } = save;
  const changed = cell.run(
    `update turns set state = 'running', started_at = coalesce(started_at, ?), lease_until = ?, answer = ? where ${OPEN}`,
    now,
    leaseUntil,
    answer,
    uuidBytes(uuid),
    owner,
  );
  return changed > 0;
}

export interface EndTurnArgs {
  readonly now: number;
  readonly end: TurnEnd;
}

export function endTurn(cell: Cell, { now, end }: EndTurnArgs): { readonly addedBytes: number } | undefined {
  const row = cell.get(`select id, conversation, author, bytes from turns where ${OPEN}`, uuidBytes(end.uuid), end.owner);
  if (row === undefined) return undefined;
  const tally = newTally();
  writeEnd(cell, row, now, end, tally);
  spendTokens(cell, { spent: { author: String(row['author']), day: end.day, tokens: end.tokens.input + end.tokens.output } });
  cell.run('update conversations set last_at = max(last_at, ?) where id = ?', now, int(row, 'conversation'));
  if (end.memories.length > 0) {
    noteTokeniser(cell);
    noteTarget(cell, end.embedModel);
    const lifetime = lifetimeOf(cell, int(row, 'conversation'));
    for (const memory of end.memories) storeMemory(cell, { ...placed(cell, memory), ...lifetime }, now, tally);
  }
  settleTally(cell, tally);
  return { addedBytes: tally.bytes };
}

/** The conversation's own. */
function lifetimeOf(cell: Cell, conversation: number): { readonly expiresAt?: number } {
  const expiresAt = cell.get('select expires_at from conversations where id = ?', conversation)?.['expires_at'];
  return expiresAt == null ? {} : { expiresAt: Number(expiresAt) };
}

/** A place somebody has filled meanwhile costs the memory its place, never the turn its end: it gets the next one. */
function placed(cell: Cell, memory: NewMemory): NewMemory {
  const { place, ...rest } = memory;
  const taken = cell.get('select 1 from memories where thread = ? and place = ?', memory.thread ?? null, place ?? null);
  return taken === undefined ? memory : rest;
}

function writeEnd(cell: Cell, row: Row, now: number, end: TurnEnd, tally: ReturnType<typeof newTally>): void {
  const steps = JSON.stringify(end.steps);
  const bytes = Buffer.byteLength(end.answer) + (end.steps.length === 0 ? 0 : Buffer.byteLength(steps));
  tally.bytes += bytes;
  cell.run(
    `update turns set state = ?, owner = null, lease_until = null, started_at = ?, ended_at = ?, model = ?, finish_reason = ?,
       input_tokens = ?, output_tokens = ?, history = ?, bytes = bytes + ?, error = ?, recalled = ?, steps = ?, answer = ? where id = ?`,
    end.state,
    end.startedAt ?? null,
    now,
    end.model ?? null,
    end.finishReason ?? null,
    end.tokens.input,
    end.tokens.output,
    end.history ?? null,
    bytes,
    end.error === undefined ? null : JSON.stringify(end.error),
    JSON.stringify(end.recalled),
    steps,
    end.answer,
    int(row, 'id'),
  );
}

/** Days whose count is kept: nobody asks for older ones. */
const KEPT_DAYS = 35;

export interface SpendTokensArgs {
  readonly spent: TokensSpent;
}

export function spendTokens(cell: Cell, { spent: { author, day, tokens } }: SpendTokensArgs): void {
  if (tokens === 0) return;
  cell.run(
    'insert into token_use (author, day, tokens) values (?, ?, ?) on conflict (author, day) do update set tokens = tokens + excluded.tokens',
    author,
    day,
    tokens,
  );
  cell.run('delete from token_use where author = ? and day < ?', author, day - KEPT_DAYS);
}
