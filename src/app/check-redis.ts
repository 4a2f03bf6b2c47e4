import { RedisConnection, type RedisConnectionOptions, redisFailure } from '../storage/redis/redis-connection.ts';
import type { Check } from '../surfaces/cli/cli-deps.ts';

/** For `doctor`: does it answer? Rejects with the signal's error. */
export async function checkRedis(options: RedisConnectionOptions, signal: AbortSignal): Promise<Check> {
  const name = 'redis';
  try {
    using _connection = await RedisConnection.open(options, signal);
    return { name, ok: true, detail: 'answers' };
  } catch (error) {
    if (signal.aborted) throw error;
    const advice = 'check REDIS_URL and that it runs; conversations go on without it';
    return { name, ok: false, detail: `does not answer as it should (${redisFailure(error)}); ${advice}` };
  }
}
