import { expect, it } from 'vitest';
import { PolymniaError } from '../../kernel/errors.ts';
import { ManualClock } from '../../kernel/clock.ts';
import { BodyBudget } from './body-budget.ts';

const MEGABYTE = 1024 * 1024;

/** Sends bodies one after the other until one is refused; answers how many passed and why the last did not. */
function sendUntilRefused(budget: BodyBudget, users: readonly string[], group?: string): readonly [number, PolymniaError | undefined] {
  for (let sent = 0; sent < 1000; sent += 1) {
    const userId = users[sent % users.length] ?? '';
    try {
      budget.take({ userId, group: group ?? userId }, MEGABYTE)[Symbol.dispose]();
    } catch (error) {
      if (error instanceof PolymniaError) return [sent, error];
      throw error;
    }
  }
  return [1000, undefined];
}

it('bounds what one caller sends in a minute, whoever it speaks for, and nobody else', () => {
  const clock = new ManualClock();
  const budget = new BodyBudget(clock, MEGABYTE);
  const [sent, refusal] = sendUntilRefused(budget, ['a', 'b', 'c'], 'service');
  expect(sent).toBeLessThanOrEqual(16);
  expect(sent).toBeGreaterThanOrEqual(4);
  expect(refusal?.code).toBe('rate_limited');
  expect(refusal?.retryAfterMs).toBeGreaterThan(0);
  expect(sendUntilRefused(budget, ['d'])[0]).toBe(sent);
  clock.advance(refusal?.retryAfterMs ?? 0);
  expect(sendUntilRefused(budget, ['b'], 'service')[0]).toBeGreaterThanOrEqual(1);
});
