import { type ModelBehaviour, type ModelCall, sendEvents, speak, textChunk } from './model-server.ts';
import type { Town } from './town.ts';
import { type Caller, credentials } from './wire.ts';

/** A message as a model was sent it. */
export interface Prompted {
  readonly role: string;
  readonly content: string;
  readonly tool_calls?: readonly unknown[];
  readonly tool_call_id?: string;
}

export function promptOf(call: ModelCall | undefined): readonly Prompted[] {
  return (call?.body['messages'] ?? []) as readonly Prompted[];
}

const NOTES_END = '\n</memories>\n\n';

/** What the user said, without the notes that stand before it. */
export function said({ content }: Pick<Prompted, 'content'>): string {
  const end = content.lastIndexOf(NOTES_END);
  return end === -1 ? content : content.slice(end + NOTES_END.length);
}

/** The last thing the user said. */
export function questionOf(call: ModelCall | undefined): string {
  const last = promptOf(call).findLast(({ role }) => role === 'user');
  return last === undefined ? '' : said(last);
}

/** What of a conversation a model was shown beside the system prompt and the question: texts in order. */
export function windowOf(call: ModelCall | undefined): readonly string[] {
  return promptOf(call)
    .filter(({ role }) => role !== 'system')
    .map(said)
    .slice(0, -1);
}

/** Answers each question by a rule. */
export function answering(rule: (question: string, call: ModelCall) => string): ModelBehaviour {
  return (response, call) => speak(rule(questionOf(call), call))(response, call);
}

/** What {@link echoing} says. */
export const echo = (question: string): string => `You said: ${question}`;
export const echoing = answering(echo);

/** Asks for a tool to be run. */
export function toolCallChunk(name: string, args: unknown, id = 't1', index = 0): unknown {
  const called = { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) };
  return { choices: [{ index: 0, delta: { tool_calls: [{ index, id, function: called }] }, finish_reason: null }] };
}

/** A model that begins each answer with a word and ends it when it is told to. */
export class HeldModel {
  readonly behave: ModelBehaviour;
  readonly #held = new Map<string, () => void>();
  #waiters: { readonly count: number; readonly resolve: () => void }[] = [];
  #isOpen = false;
  /** The most that were held at the same time. */
  most = 0;

  constructor(first = 'Well') {
    this.behave = (response, call) => {
      if (this.#isOpen) return speak(first, ', done.')(response, call);
      const question = questionOf(call);
      sendEvents(response, textChunk(first));
      response.on('close', () => this.#held.delete(question));
      this.#held.set(question, () => speak(', done.')(response, call));
      this.most = Math.max(this.most, this.#held.size);
      this.#waiters = this.#waiters.filter(({ count, resolve }) => (this.#held.size < count ? true : (resolve(), false)));
    };
  }

  /** Resolves when so many answers are under way. */
  holding(count: number): Promise<void> {
    if (this.#held.size >= count) return Promise.resolve();
    return new Promise((resolve) => void this.#waiters.push({ count, resolve }));
  }

  /** Ends one answer, or all and those to come. */
  release(question?: string): void {
    const ends = question === undefined ? [...this.#held.values()] : [this.#held.get(question)];
    if (question === undefined) this.#isOpen = true;
    for (const end of ends) end?.();
  }
}

/** One server-sent event of a turn. */
export interface TurnEvent {
  readonly id: number;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Reads the events of an answer as they come; stops when `isEnough` says so. */
export async function readEvents(response: Response, isEnough: (event: TurnEvent) => boolean = () => false): Promise<readonly TurnEvent[]> {
  const events: TurnEvent[] = [];
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of response.body ?? []) {
    text += decoder.decode(part as Uint8Array, { stream: true });
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const event = eventOf(text.slice(0, end));
      text = text.slice(end + 2);
      if (event === undefined) continue;
      events.push(event);
      if (isEnough(event)) return events;
    }
  }
  return events;
}

/** Undefined for a ping. */
function eventOf(block: string): TurnEvent | undefined {
  const fields = new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const));
  const data = fields.get('data');
  return data === undefined
    ? undefined
    : { id: Number(fields.get('id')), event: fields.get('event') ?? '', data: JSON.parse(data) as TurnEvent['data'] };
}

export function textOf(events: readonly TurnEvent[]): string {
  return events.map(({ event, data }) => (event === 'text' ? String(data['text']) : '')).join('');
}

/** One call of a door that takes JSON. */
export function post(town: Town, caller: Caller, path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  const headers = { ...credentials(caller), 'content-type': 'application/json', ...(init.headers as Record<string, string> | undefined) };
  return town.send(path, { ...init, method: 'POST', headers, body: JSON.stringify(body) });
}
