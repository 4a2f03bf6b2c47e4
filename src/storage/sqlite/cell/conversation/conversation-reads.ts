import type { Exchange, ToolStep } from '../../../../domains/conversation/model.ts';
import type { ConversationPage, StoredConversation, StoredTurn } from '../../../../domains/conversation/store.ts';
import type { Cell } from '../cell.ts';
import { int, text, uuidBytes } from '../memory-row.ts';
import { CONVERSATION_COLUMNS, LIVE, liveConversation, toStoredConversation, toStoredTurn, TURN_COLUMNS } from './conversation-rows.ts';

export interface ByUuidArgs {
  readonly now: number;
  readonly uuid: string;
}

export function turn(cell: Cell, { now, uuid }: ByUuidArgs): StoredTurn | undefined {
  const row = cell.get(
    `select ${TURN_COLUMNS} from turns t join conversations c on c.id = t.conversation where t.uuid = ? and ${LIVE}`,
    uuidBytes(uuid),
    now,
  );
  return row && toStoredTurn(row);
}

export function conversation(cell: Cell, { now, uuid }: ByUuidArgs): StoredConversation | undefined {
  const row = liveConversation(cell, uuid, now);
  return row && toStoredConversation(row);
}

export interface ByKeyArgs {
  readonly now: number;
  readonly author: string;
  readonly clientKey: string;
}

export function conversationOf(cell: Cell, { now, author, clientKey }: ByKeyArgs): StoredConversation | undefined {
  const row = cell.get(
    `select ${CONVERSATION_COLUMNS} from conversations c where c.author = ? and c.client_key = ? and ${LIVE}`,
    author,
    clientKey,
    now,
  );
  return row && toStoredConversation(row);
}

export interface ConversationsArgs {
  readonly now: number;
  readonly page: ConversationPage;
}

export function conversations(cell: Cell, { now, page: { limit, after } }: ConversationsArgs): readonly StoredConversation[] {
  const position = after === undefined ? [] : [after.lastAt, uuidBytes(after.uuid)];
  const rows = cell.all(
    `select ${CONVERSATION_COLUMNS} from conversations c
     where ${LIVE} ${after === undefined ? '' : 'and (c.last_at, c.uuid) < (?, ?)'} and alive() order by c.last_at desc, c.uuid desc limit ?`,
    now,
    ...position,
    limit,
  );
  return rows.map(toStoredConversation);
}

export interface TurnsArgs {
  readonly now: number;
  readonly conversation: string;
  readonly page: { readonly after: number; readonly limit: number };
}

/** Text of one page, unless its first turn alone has more. */
const PAGE_CHARACTERS = 4 * 1024 * 1024;

export function turns(cell: Cell, { now, conversation: uuid, page }: TurnsArgs): readonly StoredTurn[] {
  const rows = cell.iterate(
    `select ${TURN_COLUMNS} from turns t join conversations c on c.id = t.conversation
     where c.uuid = ? and ${LIVE} and t.number > ? and alive() order by t.number limit ?`,
    uuidBytes(uuid),
    now,
    page.after,
    page.limit,
  );
  const found: StoredTurn[] = [];
  let characters = 0;
  for (const row of rows) {
    characters += text(row, 'user_text').length + text(row, 'answer').length + text(row, 'steps').length;
    if (found.length > 0 && characters > PAGE_CHARACTERS) break;
    found.push(toStoredTurn(row));
  }
  return found;
}

export interface ExchangesArgs {
  readonly now: number;
  readonly conversation: string;
  readonly before: number;
  readonly maxBytes: number;
}

/** More than any window holds. */
const MAX_EXCHANGES = 500;

export function exchanges(cell: Cell, { now, conversation: uuid, before, maxBytes }: ExchangesArgs): readonly Exchange[] {
  const rows = cell.iterate(
    `select t.number, t.steps, t.user_text, t.answer, t.bytes from turns t join conversations c on c.id = t.conversation
     where c.uuid = ? and ${LIVE} and t.number < ? and t.state in ('done', 'stopped') and alive() order by t.number desc limit ${MAX_EXCHANGES}`,
    uuidBytes(uuid),
    now,
    before,
  );
  const found: Exchange[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += int(row, 'bytes');
    if (bytes > maxBytes) break;
    const steps = JSON.parse(text(row, 'steps')) as readonly ToolStep[];
    found.push({ turn: int(row, 'number'), user: text(row, 'user_text'), assistant: text(row, 'answer'), steps });
  }
  return found.toReversed();
}

export interface TokensSpentArgs {
  readonly author: string;
  readonly day: number;
}

export function tokensSpent(cell: Cell, { author, day }: TokensSpentArgs): number {
  return Number(cell.get('select tokens from token_use where author = ? and day = ?', author, day)?.['tokens'] ?? 0);
}
