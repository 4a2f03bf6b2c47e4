import { MemoryShortTerm, type ShortTerm } from '../domains/conversation/index.ts';
import { RedisShortTerm } from '../storage/redis/redis-short-term.ts';
import { type CommonParts, random } from './common-parts.ts';

/** The cache of conversations the options name. */
export function openShortTerm({ settings, clock, logger, parts }: Omit<CommonParts, 'ids'>): ShortTerm {
  const url = settings.REDIS_URL;
  return parts.own('short term', url === '' ? new MemoryShortTerm({ clock }) : new RedisShortTerm({ url, clock, logger, random }));
}
