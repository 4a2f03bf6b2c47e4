import { expect, test } from 'vitest';
import { settingsWith } from '../config/settings.ts';
import type { ShortTerm } from '../domains/conversation/index.ts';
import { systemClock } from '../kernel/clock.ts';
import { LogLines, startRedis } from '../storage/redis/redis-test-kit.ts';
import { checkRedis } from './check-redis.ts';
import { openShortTerm } from './open-short-term.ts';
import { RunningParts } from './running-parts.ts';

const SPACE = '00000000000000aa';
const SAID = [{ turn: 1, user: 'tea?', assistant: 'yes', steps: [] }];

test('servers share what they keep through REDIS_URL, and keep their own without', async () => {
  await using redis = await startRedis();
  const tryBoth = async (url: string): Promise<void> => {
    await using parts = new RunningParts();
    const openOne = async (): Promise<ShortTerm> => {
      const logger = new LogLines();
      const opened = openShortTerm({ settings: settingsWith({ REDIS_URL: url }), clock: systemClock, logger, parts });
      if (url !== '') await logger.until('Redis answers.');
      return opened;
    };
    const [one, other] = [await openOne(), await openOne()];
    await expect.poll(async () => one.write(SPACE, 'c', SAID).then(() => one.read(SPACE, 'c'))).toEqual(SAID);
    await expect.poll(() => other.read(SPACE, 'c')).toEqual(url === '' ? undefined : SAID);
  };
  await tryBoth('');
  await tryBoth(redis.url);
});

test('doctor asks Redis, and says nothing of the URL', async () => {
  await using redis = await startRedis(['--requirepass', 'right-word']);
  const check = (url: string, signal = new AbortController().signal): Promise<object> => checkRedis({ url, clock: systemClock }, signal);
  expect(await check(redis.url.replace('//', '//:right-word@'))).toEqual({ name: 'redis', ok: true, detail: 'answers' });
  const wrong = await check(redis.url.replace('//', '//:wrong-word@'));
  expect(wrong).toMatchObject({ ok: false, detail: expect.stringMatching(/WRONGPASS.*check REDIS_URL/) });
  expect(JSON.stringify(wrong)).not.toContain('word');
  await expect(check(redis.url, AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
});
