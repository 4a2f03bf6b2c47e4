import { orAbort, startDeadline } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError, systemCode } from '../../kernel/errors.ts';

const ANSWER_MS = 100;
/** A server that still has not answered after this time more is given up: until then it may only have been slow. */
const SILENCE_MS = 1000;
/** From the look-up of its name to its first answer. */
const CONNECT_MS = 2000;
/** Commands on their way at once, of which a write is six; more are refused. */
const MAX_COMMANDS = 10_000;

/** The client, loaded when it is first needed: it is hundreds of files. It keeps nothing for later and never connects again by itself. */
async function createRedis(url: string, signal: AbortSignal) {
  const { createClient } = await import('@redis/client');
  return createClient({
    url,
    // Every version of Redis and every server that speaks like it knows this one.
    RESP: 2,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_COMMANDS,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    commandOptions: { timeout: 0 },
    // The client itself cannot end a connection that is being made; the socket can.
    socket: { reconnectStrategy: false, connectTimeout: CONNECT_MS, signal },
  });
}

export type Redis = Awaited<ReturnType<typeof createRedis>>;

export interface RedisConnectionOptions {
  /** `redis://`, `rediss://` or `unix://`, with user, password and number of the database where needed. */
  readonly url: string;
  readonly clock: Clock;
  /** Whoever asks goes on without an answer after this time; default 100 ms. */
  readonly answerMs?: number;
}

/** One connection, from its making to its loss. Disposing it ends it at once. */
export class RedisConnection implements Disposable {
  readonly #redis: Redis;
  readonly #ending: AbortController;
  readonly #clock: Clock;
  readonly #answerMs: number;
  readonly #loss = Promise.withResolvers<unknown>();
  #cancelGivingUp: (() => void) | undefined;

  /** Resolves when the server has answered. Rejects with what stood in the way, within {@link CONNECT_MS}, or when the signal aborts. */
  static async open(options: RedisConnectionOptions, signal: AbortSignal): Promise<RedisConnection> {
    using limit = startDeadline(options.clock, CONNECT_MS, 'the time to connect to Redis', signal);
    const ending = new AbortController();
    const redis = await createRedis(options.url, ending.signal);
    const connection = new RedisConnection(redis, ending, options);
    try {
      const answered = redis.connect().then(() => redis.ping());
      await orAbort(answered, limit.signal);
      return connection;
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(redis: Redis, ending: AbortController, { clock, answerMs = ANSWER_MS }: RedisConnectionOptions) {
    this.#redis = redis;
    this.#ending = ending;
    this.#clock = clock;
    this.#answerMs = answerMs;
    redis.on('error', (error: unknown) => this.#lose(error));
  }

  /** Resolves with the reason when the connection has ended, but for its disposal. */
  get lost(): Promise<unknown> {
    return this.#loss.promise;
  }

  /** A question has waited too long. Nothing more should be asked until it is answered. */
  get isSilent(): boolean {
    return this.#cancelGivingUp !== undefined;
  }

  /** Rejects with what Redis says is wrong, with `timed_out` after `answerMs`, or when the connection is lost. */
  ask<T>(question: (redis: Redis) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let isAnswered = false;
    const judge = (): void => {
      if (isAnswered) return;
      this.#waitLonger();
      reject(new PolymniaError('timed_out', `Redis has not answered within ${this.#answerMs} ms.`));
    };
    // An answer that came while this process was busy is read before it is called late.
    const cancel = this.#clock.after(this.#answerMs, () => setImmediate(judge));
    const answered = (): void => {
      isAnswered = true;
      cancel();
      this.#endWait();
    };
    void question(this.#redis).finally(answered).then(resolve, reject);
    return promise;
  }

  [Symbol.dispose](): void {
    this.#endWait();
    this.#redis.destroy();
    this.#ending.abort();
  }

  #waitLonger(): void {
    this.#cancelGivingUp ??= this.#clock.after(SILENCE_MS, () => {
      this.#lose(new PolymniaError('timed_out', `Redis has been silent for ${SILENCE_MS} ms.`));
    });
  }

  #endWait(): void {
    this.#cancelGivingUp?.();
    this.#cancelGivingUp = undefined;
  }

  #lose(error: unknown): void {
    this.#loss.resolve(error);
    this[Symbol.dispose]();
  }
}

/** What went wrong, in a word that holds nothing of the URL: a system's code, one of ours, or the first word of Redis' answer such as `NOAUTH`. */
export function redisFailure(error: unknown): string {
  if (error instanceof PolymniaError) return error.code;
  if (!(error instanceof Error)) return 'unknown';
  return systemCode(error) ?? /^[A-Z]{2,}\b/.exec(error.message)?.[0] ?? error.constructor.name;
}
