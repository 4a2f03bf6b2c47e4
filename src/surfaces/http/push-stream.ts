import type { Clock } from '../../kernel/clock.ts';

const PING = ': ping\n\n';
const PING_MS = 15_000;
/** A reader that takes nothing for so long is given up. */
const STALL_MS = 30_000;
/** Texts that may wait for the reader. */
const BUFFERED = 8;

export interface PushStreamOptions {
  /** The reader has gone, or was given up, before the end. Called once. */
  onGone(): void;
  /** The reader takes nothing: false when there is no connection to cut. */
  onStall(): boolean;
}

/** Server-sent events pushed at a reader as they come, with pings while none come. Holds a few of them; a reader that stalls is cut off. */
export class PushStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #clock: Clock;
  readonly #options: PushStreamOptions;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #wake: () => void = () => {};
  #cancelPing: () => void = () => {};

  constructor(clock: Clock, options: PushStreamOptions) {
    this.#clock = clock;
    this.#options = options;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.#controller = controller),
        pull: () => this.#wake(),
        cancel: () => this.#leave(),
      },
      { highWaterMark: BUFFERED },
    );
    this.#armPing();
  }

  /** Sends all texts, each when there is room, then closes. Never rejects; `texts` is closed when the reader goes. */
  async feed(texts: AsyncGenerator<string>): Promise<void> {
    try {
      for await (const text of texts) {
        await this.#room();
        if (this.#controller === undefined) return;
        this.#controller.enqueue(this.#encoder.encode(text));
      }
      this.#controller?.close();
      this.#end();
    } catch {
      this.#leave();
    }
  }

  get #hasRoom(): boolean {
    return (this.#controller?.desiredSize ?? 1) > 0;
  }

  async #room(): Promise<void> {
    while (!this.#hasRoom) {
      const { promise, resolve } = Promise.withResolvers<'room' | 'stalled'>();
      this.#wake = () => resolve('room');
      const cancel = this.#clock.after(STALL_MS, () => resolve('stalled'));
      const outcome = await promise;
      cancel();
      if (outcome === 'stalled') this.#giveUp();
    }
  }

  #giveUp(): void {
    const controller = this.#controller;
    if (!this.#options.onStall()) controller?.error(new Error('The reader took nothing for too long.'));
    this.#leave();
  }

  #armPing(): void {
    this.#cancelPing = this.#clock.after(PING_MS, () => {
      if (this.#controller === undefined) return;
      if (this.#hasRoom) this.#controller.enqueue(this.#encoder.encode(PING));
      this.#armPing();
    });
  }

  #end(): void {
    this.#cancelPing();
    this.#controller = undefined;
    this.#wake();
  }

  #leave(): void {
    if (this.#controller === undefined) return;
    this.#end();
    this.#options.onGone();
  }
}
