import { createHash } from 'node:crypto';
import type { Exchange, ModelMessage } from './model.ts';
import { estimateUsage } from './models/token-estimate.ts';

/** How much of a conversation goes before the model. */
export interface Window {
  /** Messages at most. */
  readonly messages: number;
  /** Tokens at most, estimated by bytes. */
  readonly tokens: number;
}

/** The newest exchanges that fit, oldest first, as messages. An exchange is shown whole or not at all. */
export function windowOf(exchanges: readonly Exchange[], { messages, tokens }: Window): readonly ModelMessage[] {
  const shown: (readonly ModelMessage[])[] = [];
  let messagesLeft = messages;
  let tokensLeft = tokens;
  for (const exchange of exchanges.toReversed()) {
    const parts = messagesOf(exchange);
    messagesLeft -= 2;
    tokensLeft -= estimateUsage(parts, '').inputTokens;
    if (messagesLeft < 0 || tokensLeft < 0) break;
    shown.push(parts);
  }
  return shown.toReversed().flat();
}

/** Calls of tools stand between the question and the answer, as the model made them. */
function messagesOf({ user, assistant, steps }: Exchange): readonly ModelMessage[] {
  const calls = steps.flatMap(({ call, result }): readonly ModelMessage[] => [
    { role: 'assistant', content: '', toolCalls: [call] },
    { role: 'tool', content: result, toolCallId: call.id },
  ]);
  const said: readonly ModelMessage[] = [{ role: 'user', content: user }, ...calls, { role: 'assistant', content: assistant }];
  return said.filter(({ role, content }) => content !== '' || role !== 'user');
}

/**
 * The same with one voice after the other, since many models refuse anything else: an answer in which nothing was said is left out,
 * and what one of them says twice in a row becomes one message.
 */
export function inTurns(messages: readonly ModelMessage[]): readonly ModelMessage[] {
  const told: ModelMessage[] = [];
  for (const message of messages) {
    const last = told.at(-1);
    if (isPlain(message) && message.content === '') continue;
    if (last?.role === message.role && isPlain(last) && isPlain(message)) {
      told[told.length - 1] = { ...last, content: `${last.content}\n\n${message.content}` };
    } else told.push(message);
  }
  return told;
}

/** Said by one of the two, and nothing but said. */
function isPlain(message: ModelMessage): boolean {
  return message.role === 'user' || (message.role === 'assistant' && message.toolCalls === undefined);
}

const USER = 'User: ';
const ASSISTANT = 'Assistant: ';

/**
 * An exchange as it is remembered, in one piece: a question without its answer would be recalled in the place of what answers it.
 * Undefined for one in which nothing was said.
 */
export function exchangeText(user: string, assistant: string): string | undefined {
  const parts = [user.trim() === '' ? '' : `${USER}${user.trim()}`, assistant.trim() === '' ? '' : `${ASSISTANT}${assistant.trim()}`];
  const text = parts.filter((part) => part !== '').join('\n\n');
  return text === '' ? undefined : text;
}

/** What was asked in an exchange, as {@link exchangeText} has it; undefined for any other text. */
export function questionIn(text: string): string | undefined {
  if (!text.startsWith(USER)) return undefined;
  const end = text.indexOf(`\n\n${ASSISTANT}`);
  return text.slice(USER.length, end === -1 ? undefined : end);
}

/** What the messages show already, as it may come back from memory. */
export function shownTexts(messages: readonly ModelMessage[]): ReadonlySet<string> {
  const shown = new Set<string>();
  let question = '';
  for (const { role, content } of messages) {
    shown.add(content.trim());
    if (role === 'user') question = content;
    // A question stands alone in memory when its answer was none worth remembering.
    const text = exchangeText(question, role === 'assistant' ? content : '');
    if (text !== undefined) shown.add(text);
  }
  return shown;
}

/**
 * What tells a conversation by how it has gone, for clients that send it whole with each message: a hash over the texts of user
 * and assistant in order. Undefined when nothing was said yet. System prompts do not count: some hold the time of day.
 */
export function historyHash(messages: readonly ModelMessage[]): string | undefined {
  const said = messages.filter(({ role, content }) => (role === 'user' || role === 'assistant') && content.trim() !== '');
  if (said.length === 0) return undefined;
  const hash = createHash('sha256');
  for (const { role, content } of said) hash.update(JSON.stringify([role, content.trim()]));
  return hash.digest('base64url');
}
