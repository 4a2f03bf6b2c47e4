import { abortError } from '../../../kernel/abort.ts';
import { Bell } from '../../../kernel/bell.ts';
import type { Clock } from '../../../kernel/clock.ts';
import type { ChatEvent, NumberedEvent } from './turn-events.ts';

/** Between two looks of one reader: what comes meanwhile is told together. */
const COALESCE_MS = 50;
/** Text is kept in pieces of about this length, so that reading on from a place copies little. */
const PIECE = 4096;

interface Entry {
  /** Position before it. */
  readonly from: number;
  event: ChatEvent;
}

/** How far a reader has come: an entry, and how many characters of it were told. */
interface Place {
  entry: number;
  told: number;
}

/**
 * All that happened in a turn, for any number of readers. A position counts characters of the answer, so a reader resumes anywhere, in
 * the middle of a text too, and after the turn has gone and only its text is left. Other events stand where the text had come to;
 * who resumes there is told them again. What it holds is bounded by the longest answer a turn may have.
 */
export class TurnLog {
  readonly #clock: Clock;
  readonly #entries: Entry[] = [];
  readonly #readers = new Set<Bell>();
  #position = 0;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Nothing has happened yet. */
  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  add(event: ChatEvent): void {
    const last = this.#entries.at(-1);
    if (event.type === 'text' && last?.event.type === 'text' && last.event.text.length < PIECE) {
      last.event = { type: 'text', text: last.event.text + event.text };
    } else {
      this.#entries.push({ from: this.#position, event });
    }
    this.#position += lengthOf(event);
    this.#ring();
  }

  /** Nothing comes any more. */
  close(): void {
    this.#isClosed = true;
    this.#ring();
  }

  /** Events after a position, as they come, to the end. The first text comes at once, more of it at most every 50 ms. Rejects when the signal aborts. */
  async *read(after: number, signal: AbortSignal): AsyncGenerator<NumberedEvent> {
    const bell = new Bell();
    const wake = (): void => bell.ring();
    this.#readers.add(bell);
    signal.addEventListener('abort', wake, { once: true });
    const place = this.#placeAt(Math.min(after, this.#position));
    let toldAt = -Infinity;
    try {
      for (;;) {
        if (signal.aborted) throw abortError(signal);
        for (let event = this.#next(place); event !== undefined; event = this.#next(place)) {
          if (event.type === 'text') toldAt = this.#clock.monotonic();
          yield event;
        }
        if (this.#isClosed) return;
        await bell.rung();
        const pauseMs = COALESCE_MS - (this.#clock.monotonic() - toldAt);
        if (pauseMs > 0 && !this.#isClosed) await new Promise<void>((resolve) => void this.#clock.after(pauseMs, resolve));
      }
    } finally {
      this.#readers.delete(bell);
      signal.removeEventListener('abort', wake);
    }
  }

  #ring(): void {
    for (const bell of this.#readers) bell.ring();
  }

  #placeAt(position: number): Place {
    const found = this.#entries.findIndex(({ from, event }) => from + lengthOf(event) > position || (event.type !== 'text' && from === position));
    // The last text may still grow.
    const entry = found === -1 ? Math.max(0, this.#entries.length - 1) : found;
    return { entry, told: Math.max(0, position - (this.#entries[entry]?.from ?? 0)) };
  }

  /** What comes next from that place on, and moves the place behind it. */
  #next(place: Place): NumberedEvent | undefined {
    for (let entry = this.#entries[place.entry]; entry !== undefined; entry = this.#entries[++place.entry]) {
      const { from, event } = entry;
      const { told } = place;
      if (event.type !== 'text') {
        place.entry++;
        return { ...event, seq: from };
      }
      place.told = event.text.length;
      if (told < event.text.length) return { type: 'text', text: event.text.slice(told), seq: from + event.text.length };
      if (place.entry === this.#entries.length - 1) return undefined;
      place.told = 0;
    }
    return undefined;
  }
}

function lengthOf(event: ChatEvent): number {
  return event.type === 'text' ? event.text.length : 0;
}
