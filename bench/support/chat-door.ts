import { Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { parseJson } from '../../src/kernel/parse-json.ts';
import { machineNow, type StampedToken, TokenReader } from './stamp.ts';

const SILENCE_MS = 60_000;
const MAX_REFUSAL_CHARACTERS = 16_384;
const DATA = 'data: ';

export interface Question {
  readonly key: string;
  /** The asker's own name of the conversation. */
  readonly conversation: string;
  readonly model: string;
  readonly text: string;
}

/** What is told of an answer while it comes. */
export interface Listener {
  /** Tokens that came together. */
  onTokens(tokens: readonly StampedToken[], readAt: number): void;
  /** Called once. `failure` says what went wrong; undefined = the answer was whole. */
  onEnd(failure: string | undefined): void;
}

/** Asks through `/v1/chat/completions` of a running server and reads the answers as they come, over kept-alive connections. */
export class ChatDoor {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(url: string) {
    this.#url = `${url}/v1/chat/completions`;
  }

  /** Returns what hangs up: nothing is told after that. */
  ask(question: Question, listener: Listener): () => void {
    return this.#attempt(question, listener, true);
  }

  #attempt(question: Question, listener: Listener, mayRetry: boolean): () => void {
    let hasEnded = false;
    const outgoing = this.#send(question);
    let hangUp = (): void => void outgoing.destroy();
    const end = (failure: string | undefined): void => {
      if (hasEnded) return;
      hasEnded = true;
      listener.onEnd(failure);
    };
    const hear: Listener['onTokens'] = (tokens, readAt) => {
      if (!hasEnded) listener.onTokens(tokens, readAt);
    };
    outgoing.on('response', (response) => readAnswer(response, hear, end));
    outgoing.on('timeout', () => outgoing.destroy(Object.assign(new Error('The server stayed silent.'), { code: 'ETIMEDOUT' })));
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      if (hasEnded || !mayRetry || !outgoing.reusedSocket || error.code !== 'ECONNRESET') return end(error.code ?? 'ECONNRESET');
      // The server closed an idle connection just as it was taken: nothing was received, the question is asked again.
      hasEnded = true;
      hangUp = this.#attempt(question, listener, false);
    });
    return () => {
      hasEnded = true;
      hangUp();
    };
  }

  #send({ key, conversation, model, text }: Question): ClientRequest {
    const body = JSON.stringify({ model, stream: true, stream_options: { include_usage: true }, messages: [{ role: 'user', content: text }] });
    const headers = {
      authorization: `Bearer ${key}`,
      'x-conversation-id': conversation,
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
    };
    return httpRequest(this.#url, { agent: this.#agent, method: 'POST', headers, timeout: SILENCE_MS }).end(body);
  }
}

function readAnswer(response: IncomingMessage, onTokens: Listener['onTokens'], end: (failure: string | undefined) => void): void {
  response.setEncoding('utf8');
  response.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'ECONNRESET'));
  if (response.statusCode !== 200) return readRefusal(response, end);
  const answer = new Answer();
  response.on('data', (piece: string) => {
    const readAt = machineNow();
    onTokens(answer.feed(piece, readAt), readAt);
  });
  response.on('end', () => end(answer.failure));
}

function readRefusal(response: IncomingMessage, end: (failure: string) => void): void {
  let text = '';
  response.on('data', (piece: string) => {
    if (text.length < MAX_REFUSAL_CHARACTERS) text += piece;
  });
  response.on('end', () => end(/"code":"(\w+)"/.exec(text)?.[1] ?? `http_${response.statusCode}`));
}

/** What counts of a `chat.completion.chunk`, or of the error that ends an answer. */
interface Chunk {
  readonly choices?: readonly { readonly delta: { readonly content?: string }; readonly finish_reason: string | null }[];
  readonly usage?: { readonly completion_tokens: number } | null;
  readonly error?: { readonly code: string };
}

/** One answer as far as it has come. */
class Answer {
  readonly #tokens = new TokenReader();
  #rest = '';
  #read = 0;
  /** As the server counts them; undefined until it has. */
  #counted: number | undefined;
  #hasFinished = false;
  #isDone = false;
  #error: string | undefined;

  /** Why it is no whole answer; undefined when it is one. */
  get failure(): string | undefined {
    if (this.#error !== undefined) return this.#error;
    if (!this.#isDone || !this.#hasFinished) return 'broken_off';
    return this.#counted === this.#read ? undefined : 'tokens_lost';
  }

  feed(piece: string, now: number): readonly StampedToken[] {
    const events = (this.#rest + piece).split('\n\n');
    this.#rest = events.pop() ?? '';
    return events.flatMap((event) => (event.startsWith(DATA) ? this.#take(event.slice(DATA.length), now) : []));
  }

  #take(data: string, now: number): readonly StampedToken[] {
    if (data === '[DONE]') {
      this.#isDone = true;
      return [];
    }
    const { choices, usage, error } = parseJson(data) as Chunk;
    if (error !== undefined) this.#error = error.code;
    if (usage != null) this.#counted = usage.completion_tokens;
    const [choice] = choices ?? [];
    if (choice === undefined) return [];
    if (choice.finish_reason !== null) this.#hasFinished = true;
    const tokens = this.#tokens.read(choice.delta.content ?? '', now);
    this.#read += tokens.length;
    return tokens;
  }
}
