import type { FinishReason, ToolStep, TurnState } from '../../../../domains/conversation/model.ts';
import type { StoredConversation, StoredTurn } from '../../../../domains/conversation/store.ts';
import type { Cell, Row } from '../cell.ts';
import { int, text, uuidBytes, uuidText } from '../memory-row.ts';

export const CONVERSATION_COLUMNS = 'c.id, c.uuid, c.client_key, c.title, c.created_at, c.last_at, c.expires_at, c.temporary, c.turns';
export const TURN_COLUMNS = `t.uuid, c.uuid as conversation_uuid, t.number, t.state, t.created_at, t.started_at, t.ended_at, t.model,
  t.finish_reason, t.input_tokens, t.output_tokens, t.error, t.recalled, t.steps, t.user_text, t.answer`;

/** A conversation that has not expired. */
export const LIVE = '(c.expires_at is null or c.expires_at > ?)';

export function liveConversation(cell: Cell, uuid: string, now: number): Row | undefined {
  return cell.get(`select ${CONVERSATION_COLUMNS} from conversations c where c.uuid = ? and ${LIVE}`, uuidBytes(uuid), now);
}

export function toStoredConversation(row: Row): StoredConversation {
  const { client_key: clientKey, expires_at: expiresAt } = row;
  return {
    uuid: uuidText(row['uuid']),
    ...(clientKey == null ? {} : { clientKey: String(clientKey) }),
    title: text(row, 'title'),
    createdAt: int(row, 'created_at'),
    lastAt: int(row, 'last_at'),
    ...(expiresAt == null ? {} : { expiresAt: Number(expiresAt) }),
    turns: int(row, 'turns'),
  };
}

export function toStoredTurn(row: Row): StoredTurn {
  const { model, finish_reason: finishReason, error, started_at: startedAt, ended_at: endedAt } = row;
  return {
    uuid: uuidText(row['uuid']),
    conversation: uuidText(row['conversation_uuid']),
    number: int(row, 'number'),
    state: text(row, 'state') as TurnState,
    userText: text(row, 'user_text'),
    answer: text(row, 'answer'),
    steps: JSON.parse(text(row, 'steps')) as readonly ToolStep[],
    ...(model == null ? {} : { model: String(model) }),
    ...(finishReason == null ? {} : { finishReason: String(finishReason) as FinishReason }),
    ...(error == null ? {} : { error: JSON.parse(String(error)) as NonNullable<StoredTurn['error']> }),
    recalled: JSON.parse(text(row, 'recalled')) as readonly string[],
    tokens: { input: int(row, 'input_tokens'), output: int(row, 'output_tokens') },
    createdAt: int(row, 'created_at'),
    ...(startedAt == null ? {} : { startedAt: Number(startedAt) }),
    ...(endedAt == null ? {} : { endedAt: Number(endedAt) }),
  };
}
