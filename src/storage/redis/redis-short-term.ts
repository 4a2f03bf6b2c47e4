import type { Exchange } from '../../domains/conversation/model.ts';
import type { ShortTerm } from '../../domains/conversation/ports.ts';
import { decodeExchanges, encodeExchanges, MAX_KEPT_BYTES, SHORT_TERM_MS } from '../../domains/conversation/short-term/kept-exchanges.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { SpaceKey } from '../../kernel/ids.ts';
import { RedisLink, type RedisLinkOptions } from './redis-link.ts';

/** A conversation leaves the list of its space this long after its own end: clocks of two servers may differ. */
const LISTED_MS = 2 * SHORT_TERM_MS;

/**
 * A cache that several servers share. A conversation is one key that ends by itself; each space has a sorted set of its
 * conversations by the time they were written, which says what there is to drop.
 */
export class RedisShortTerm implements ShortTerm {
  readonly #link: RedisLink;
  readonly #clock: Clock;

  /** Begins to connect. */
  constructor(options: RedisLinkOptions) {
    this.#clock = options.clock;
    this.#link = new RedisLink(options);
  }

  async read(space: SpaceKey, conversation: string): Promise<readonly Exchange[] | undefined> {
    const key = keyOf(space, conversation);
    const head = headOf(key);
    // Never more than we write, whatever stands there.
    const end = Buffer.byteLength(head) + MAX_KEPT_BYTES - 1;
    const value = await this.#link.ask((redis) => redis.getRange(key, 0, end));
    return value?.startsWith(head) ? decodeExchanges(value.slice(head.length)) : undefined;
  }

  async write(space: SpaceKey, conversation: string, exchanges: readonly Exchange[]): Promise<void> {
    const text = encodeExchanges(exchanges);
    if (text === undefined) return this.drop(space, conversation);
    const key = keyOf(space, conversation);
    const list = listOf(space);
    const now = this.#clock.now();
    await this.#link.ask((redis) =>
      redis
        .multi()
        .set(key, headOf(key) + text, { expiration: { type: 'PX', value: SHORT_TERM_MS } })
        .zAdd(list, { score: now, value: conversation })
        .zRemRangeByScore(list, '-inf', now - LISTED_MS)
        .pExpire(list, LISTED_MS)
        .exec(),
    );
  }

  async drop(space: SpaceKey, conversation?: string): Promise<void> {
    const list = listOf(space);
    await this.#link.ask(async (redis) => {
      const names = conversation === undefined ? await redis.zRange(list, 0, -1) : [conversation];
      if (names.length === 0) return;
      const keys = names.map((name) => keyOf(space, name));
      await redis.multi().unlink(keys).zRem(list, names).exec();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#link[Symbol.asyncDispose]();
  }
}

/** In braces, what a cluster places by: all keys of a space lie on one node. */
function listOf(space: SpaceKey): string {
  return `pmn:st:{${space}}`;
}

function keyOf(space: SpaceKey, conversation: string): string {
  return `${listOf(space)}:${conversation}`;
}

/** A value begins with its own key: an answer that belongs to another question is nobody's conversation. */
function headOf(key: string): string {
  return `${key}\n`;
}
