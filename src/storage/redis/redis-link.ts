import type { Logger } from '../../kernel/logger.ts';
import { type Redis, RedisConnection, type RedisConnectionOptions, redisFailure } from './redis-connection.ts';

export interface RedisLinkOptions extends RedisConnectionOptions {
  readonly logger: Logger;
  /** Numbers in [0, 1), so that not all servers come back to Redis at once. */
  readonly random: () => number;
  /** Without a failure for this time all is well again; default 10 s. */
  readonly calmMs?: number;
}

const CALM_MS = 10_000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 4000;

/**
 * A connection to Redis that comes back by itself. While there is none, or Redis is silent, questions are answered at once with
 * nothing, and nothing is kept for later. The first failure is logged, and once that nothing fails any more.
 */
export class RedisLink implements AsyncDisposable {
  readonly #options: RedisLinkOptions;
  readonly #ending = new AbortController();
  #connection: RedisConnection | undefined;
  /** Failed ways to a connection since all was well. */
  #retries = 0;
  #isTroubled = false;
  #cancelRetry = (): void => {};
  #cancelCalm = (): void => {};

  /** Begins to connect. */
  constructor(options: RedisLinkOptions) {
    this.#options = options;
    void this.#connect();
  }

  /** What Redis answers; undefined when it is away, refuses, or takes too long. Never rejects. */
  async ask<T>(question: (redis: Redis) => Promise<T>): Promise<T | undefined> {
    const connection = this.#connection;
    if (connection === undefined || connection.isSilent) return undefined;
    try {
      return await connection.ask(question);
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /** Ends the connection, or the way to one, at once; questions on their way are answered with nothing. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    this.#cancelRetry();
    this.#cancelCalm();
    this.#connection?.[Symbol.dispose]();
    this.#connection = undefined;
    return Promise.resolve();
  }

  async #connect(): Promise<void> {
    try {
      this.#connected(await RedisConnection.open(this.#options, this.#ending.signal));
    } catch (error) {
      this.#lost(error);
    }
  }

  #connected(connection: RedisConnection): void {
    if (this.#ending.signal.aborted) return connection[Symbol.dispose]();
    this.#connection = connection;
    void connection.lost.then((error) => this.#lost(error));
    if (this.#isTroubled) this.#awaitCalm();
    else this.#options.logger.info('Redis answers.');
  }

  #lost(error: unknown): void {
    if (this.#ending.signal.aborted) return;
    this.#connection = undefined;
    this.#failed(error);
    const { clock, random } = this.#options;
    const longest = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#retries++);
    this.#cancelRetry = clock.after(longest * (0.5 + random() / 2), () => void this.#connect());
  }

  #failed(error: unknown): void {
    if (this.#ending.signal.aborted) return;
    if (!this.#isTroubled) this.#options.logger.warn('Redis fails; what it would keep is read from the store.', { reason: redisFailure(error) });
    this.#isTroubled = true;
    this.#awaitCalm();
  }

  /** One good answer among bad ones is no recovery: it would be logged at every call. */
  #awaitCalm(): void {
    this.#cancelCalm();
    if (this.#connection === undefined) return;
    this.#cancelCalm = this.#options.clock.after(this.#options.calmMs ?? CALM_MS, () => {
      // Silence is no calm.
      if (this.#connection?.isSilent === true) return this.#awaitCalm();
      this.#isTroubled = false;
      this.#retries = 0;
      this.#options.logger.info('Redis answers again.');
    });
  }
}
