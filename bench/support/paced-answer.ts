import type { Pace } from './pace.ts';
import { machineNow, stampedWord } from './stamp.ts';
import type { Wheel } from './wheel.ts';

const MS_PER_SECOND = 1000;

/** Where the tokens of an answer go. */
export interface AnswerSink {
  /** The reader is gone: nothing more is to be sent. */
  readonly isGone: boolean;
  /** A piece of the text; one or several tokens. */
  send(text: string): void;
  /** The answer is whole. */
  end(tokens: number): void;
}

/** What an answer is made of. */
export interface AnswerScript {
  readonly pace: Pace;
  /** Tokens in all; at least 1. */
  readonly tokens: number;
  /** When the request was there, by {@link machineNow}. */
  readonly requestedAt: number;
  readonly word: (at: number) => string;
  /** So many tokens have just been sent. */
  readonly count: (tokens: number) => void;
}

/** Sends an answer token by token at its pace. */
export class PacedAnswer {
  readonly #script: AnswerScript;
  readonly #sink: AnswerSink;
  readonly #wheel: Wheel;
  #sent = 0;

  constructor(script: AnswerScript, sink: AnswerSink, wheel: Wheel) {
    this.#script = script;
    this.#sink = sink;
    this.#wheel = wheel;
  }

  begin(): void {
    this.#wheel.at(this.#dueAt(0), this.#turn);
  }

  #dueAt(token: number): number {
    const { pace, requestedAt } = this.#script;
    return requestedAt + pace.firstMs + (token * MS_PER_SECOND) / pace.tokensPerSecond;
  }

  /** All tokens that are due go out in one piece, so that a model that was late catches up. */
  readonly #turn = (): void => {
    if (this.#sink.isGone) return;
    const { tokens, requestedAt, word, count } = this.#script;
    const sentAt = machineNow();
    const before = this.#sent;
    let text = '';
    for (; this.#sent < tokens && this.#dueAt(this.#sent) <= sentAt; this.#sent++) {
      text += stampedWord(word(this.#sent), { sentAt, ...(this.#sent === 0 ? { requestedAt } : {}) });
    }
    this.#sink.send(text);
    count(this.#sent - before);
    if (this.#sent === tokens) this.#sink.end(tokens);
    else this.#wheel.at(this.#dueAt(this.#sent), this.#turn);
  };
}
