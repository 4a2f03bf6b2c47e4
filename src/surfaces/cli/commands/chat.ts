import type { Command } from '../command.ts';
import { plural } from '../human-values.ts';
import { operationCommand } from '../operation-command.ts';
import { isFields, renderRows, type View } from '../render-value.ts';
import { safeBlock, safeLine } from '../terminal-text.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Below the longest a command waits for its answer, so that one that takes longer ends with the id it is found by. */
const WAIT_S = 55;
const COLUMNS = ['id', 'title', 'turns', 'lastAt'];

function renderAnswer({ text, state, turn }: Fields, { palette }: View): string {
  const said = safeBlock(String(text));
  if (state === 'done') return said;
  const rest = state === 'stopped' ? 'stopped' : `goes on: polymnia call get_turn --id ${safeLine(String(turn))} --wait 60`;
  return `${said}\n${palette.dim(`(${rest})`)}`;
}

function renderConversation(conversation: Fields, { palette }: View): string {
  const items = Array.isArray(conversation['items']) ? conversation['items'].filter(isFields) : [];
  const turns = items.map((item) => {
    const { message, text, state, error } = item;
    const failed = isFields(error) ? palette.warn(`\n(${safeLine(String(state))}: ${safeLine(String(error['message']))})`) : '';
    return `${palette.accent('>')} ${safeBlock(String(message))}\n${safeBlock(String(text))}${failed}`;
  });
  const { next } = conversation;
  const more = typeof next === 'number' ? [palette.dim(`more: --after ${next}`)] : [];
  return [safeLine(String(conversation['title'])), ...turns, ...more].join('\n\n');
}

/** Talking with a model that knows the memories, and what was said. */
export const chatCommands: readonly Command[] = [
  operationCommand({
    words: ['chat'],
    group: 'Chat',
    operation: 'chat',
    summary: 'Say something to a language model that knows your memories',
    arguments: [{ field: 'message', placeholder: 'MESSAGE', isRest: true }],
    hidden: ['standing', 'wait'],
    notes: ['Without --conversation it goes on in your standing conversation.'],
    prepare: (input) => ({
      ...input,
      wait: WAIT_S,
      ...(input['conversation'] === undefined && input['temporary'] !== true ? { standing: true } : {}),
    }),
    render: renderAnswer,
  }),
  operationCommand({
    words: ['conversations'],
    group: 'Chat',
    operation: 'list_conversations',
    summary: 'List your conversations, latest first',
    aliases: { limit: { field: 'limit', short: 'n' } },
    render: (answer, view) => {
      const conversations = Array.isArray(answer['conversations']) ? answer['conversations'].filter(isFields) : [];
      if (conversations.length === 0) return 'No conversations.';
      const { cursor } = answer;
      const table = renderRows(conversations, COLUMNS, view);
      return typeof cursor === 'string' ? `${table}\n${view.palette.dim(`more: --cursor ${safeLine(cursor)}`)}` : table;
    },
  }),
  operationCommand({
    words: ['conversations', 'show'],
    group: 'Chat',
    operation: 'get_conversation',
    summary: 'Show what was said in a conversation',
    arguments: [{ field: 'id', placeholder: 'ID' }],
    render: renderConversation,
  }),
  operationCommand({
    words: ['conversations', 'delete'],
    group: 'Chat',
    operation: 'delete_conversation',
    summary: 'Delete a conversation with all that is remembered of it',
    arguments: [{ field: 'id', placeholder: 'ID' }],
    confirm: { warning: 'The conversation and the memories of what was said in it are gone for good.' },
    render: (answer, { palette }) => `${palette.good('Deleted')}  ${plural(Number(answer['turns']), 'turn')}`,
  }),
];
