import type { ModelMessage } from './model.ts';

/** Longer than such prompts are before their sample of the conversation begins. */
const LOOKED_AT = 2000;

/** Open WebUI: every task prompt has this frame. */
const TASK_FRAME = /^\s*### Task:\s*\n/i;

/** How LibreChat, LobeChat, Chatbox, Cherry Studio and their like ask for a title, follow-up questions or a search query. */
const TASKS: readonly RegExp[] = [
  /\b(generate|create|provide|write|suggest)\b[^.?!]{0,80}\btitle\b[^.?!]{0,120}\b(this|the|our)\s+(\w+\s+)?(conversation|chat|dialogue|session)\b/i,
  /\b(summari[sz]e|name|give)\b[^.?!]{0,60}\b(this|the|our)\s+(\w+\s+)?(conversation|chat|dialogue|session)\b[^.?!]{0,80}\b(title|name)\b/i,
  /\b(generate|suggest)\b[^.?!]{0,60}\b(tags|follow[- ]?up (questions|prompts)|search quer(y|ies))\b[^.?!]{0,120}\b(this|the|our)\s+(\w+\s+)?(conversation|chat)\b/i,
];

/** Programs say how the answer must look, since they will read it; people rarely do, of a conversation that has not begun. */
const FORM =
  /\b(concise|\d+[- ]words?|words?[- ]or[- ](less|fewer)|within \d+ (words|characters)|\d+ characters max|no punctuation|not using punctuation|title case|nothing else|JSON|only (return|respond|reply|output|the)|(return|respond|reply|output)( with)? only)\b/i;

/**
 * Is this a prompt that a chat front end sends on its own, through the same door, about the conversation rather than in it? Such an
 * answer is neither stored nor remembered, and gets no memories. Only short exchanges are looked at: a front end sends its
 * task as one message, people ask for titles inside a conversation. In doubt it is no task: what somebody said must not be lost.
 */
export function isFrontEndTask(messages: readonly ModelMessage[]): boolean {
  const said = messages.filter(({ role }) => role !== 'system');
  const [only] = said;
  if (said.length !== 1 || only?.role !== 'user') return false;
  const system = messages.find(({ role }) => role === 'system')?.content ?? '';
  return [only.content, system].map((text) => text.slice(0, LOOKED_AT)).some(isTask);
}

function isTask(text: string): boolean {
  return TASK_FRAME.test(text) || (FORM.test(text) && TASKS.some((task) => task.test(text)));
}
