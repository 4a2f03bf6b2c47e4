import type { TextSource } from '../../src/surfaces/cli/load/texts.ts';
import type { ChatDoor, Listener } from './chat-door.ts';
import type { ChatTally } from './chat-tally.ts';
import { machineNow, type StampedToken } from './stamp.ts';
import type { Wheel } from './wheel.ts';

/** What all simulated people of a process share. */
export interface Company {
  readonly door: ChatDoor;
  readonly wheel: Wheel;
  readonly texts: TextSource;
  /** The model people ask next. */
  model: string;
  /** Where is counted what comes now. */
  tally: ChatTally;
  /** From an answer to the next question, in ms. */
  pauseMs(): number;
}

/** One simulated person in one conversation: asks, reads the answer, pauses, asks again. */
export class Talker {
  readonly #company: Company;
  readonly #who: { readonly key: string; readonly conversation: string };
  #isOn = false;
  #isWaiting = false;
  #hangUp: (() => void) | undefined;

  constructor(company: Company, who: { readonly key: string; readonly conversation: string }) {
    this.#company = company;
    this.#who = who;
  }

  /** Asks, is being answered, or will ask. */
  get isTalking(): boolean {
    return this.#isOn;
  }

  /** Asks after so many ms, unless an answer or a pause is under way. */
  start(afterMs: number): void {
    this.#isOn = true;
    if (this.#hangUp === undefined && !this.#isWaiting) this.#askLater(afterMs);
  }

  /** Asks nothing more. */
  leave(): void {
    this.#isOn = false;
  }

  /** The same, in mid-sentence. */
  hangUp(): void {
    this.leave();
    this.#hangUp?.();
    this.#hangUp = undefined;
  }

  #askLater(afterMs: number): void {
    this.#isWaiting = true;
    this.#company.wheel.at(machineNow() + afterMs, () => {
      this.#isWaiting = false;
      if (this.#isOn) this.#ask();
    });
  }

  #ask(): void {
    const { door, model, texts } = this.#company;
    const listener = new Hearing(this.#company, () => {
      this.#hangUp = undefined;
      if (this.#isOn) this.#askLater(this.#company.pauseMs());
    });
    this.#hangUp = door.ask({ ...this.#who, model, text: texts.query() }, listener);
  }
}

/** One answer as one person hears it. */
class Hearing implements Listener {
  readonly #company: Company;
  readonly #onEnd: () => void;
  readonly #askedAt = machineNow();
  #requestedAt: number | undefined;
  #lastSentAt = 0;

  constructor(company: Company, onEnd: () => void) {
    this.#company = company;
    this.#onEnd = onEnd;
  }

  onTokens(tokens: readonly StampedToken[], readAt: number): void {
    const { tally } = this.#company;
    for (const token of tokens) {
      tally.countToken(token, readAt);
      if (this.#requestedAt === undefined) tally.countFirst(this.#askedAt, token, readAt);
      this.#requestedAt ??= token.requestedAt ?? token.sentAt;
      this.#lastSentAt = token.sentAt;
    }
  }

  onEnd(failure: string | undefined): void {
    const { tally } = this.#company;
    if (failure === undefined) tally.countWhole(machineNow() - this.#askedAt, this.#lastSentAt - (this.#requestedAt ?? this.#lastSentAt));
    else tally.countFailure(failure);
    this.#onEnd();
  }
}
