import { expect, it } from 'vitest';
import { ManualClock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { dayOf, TokenBudget } from './token-budget.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const spentNothing = (): Promise<number> => Promise.resolve(0);

function budgetOf(perDay: number): { readonly budget: TokenBudget; readonly clock: ManualClock } {
  const clock = new ManualClock();
  return { budget: new TokenBudget(clock, perDay), clock };
}

it('puts aside no more than there is, however many ask at once, and gives back what was not used', async () => {
  const { budget } = budgetOf(1000);
  const asked = await Promise.allSettled(Array.from({ length: 100 }, () => budget.reserve('ann', 100, spentNothing)));
  const held = asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  expect(held).toHaveLength(10);
  await expect(budget.reserve('ann', 1, spentNothing)).rejects.toMatchObject({ details: { used: 0, reserved: 1000 } });
  await budget.reserve('ben', 1000, spentNothing);
  for (const [at, each] of held.entries()) {
    if (at < 5) each.settle(20);
    each[Symbol.dispose]();
    each.settle(1000);
  }
  await expect(budget.reserve('ann', 901, spentNothing)).rejects.toMatchObject({ details: { used: 100, reserved: 0 } });
  await budget.reserve('ann', 900, spentNothing);
});

it('takes one answer at the start of a day however large it may be, and none beside it', async () => {
  const { budget } = budgetOf(1000);
  using _large = await budget.reserve('ann', 5000, spentNothing);
  await expect(budget.reserve('ann', 1, spentNothing)).rejects.toMatchObject({ code: 'rate_limited' });
});

it('begins with what is stored of the day, and anew at midnight, until which it says to wait', async () => {
  const { budget, clock } = budgetOf(1000);
  const spent = (day: number): Promise<number> => Promise.resolve(day === dayOf(clock.now()) ? 950 : NaN);
  const refused: unknown = await budget.reserve('ann', 100, spent).catch((error: unknown) => error);
  expect(refused).toMatchObject({ details: { limit: 'CHAT_TOKENS_PER_DAY', used: 950 } });
  const pause = refused instanceof PolymniaError ? (refused.retryAfterMs ?? 0) : 0;
  expect((clock.now() + pause) % DAY).toBe(0);
  clock.advance(pause);
  await budget.reserve('ann', 100, spentNothing);
});

it('forgets after an hour what nobody settled', async () => {
  const { budget, clock } = budgetOf(100);
  const lost = await budget.reserve('ann', 100, spentNothing);
  clock.advance(HOUR);
  using _next = await budget.reserve('ann', 100, spentNothing);
  lost.settle(100);
  await expect(budget.reserve('ann', 1, spentNothing)).rejects.toMatchObject({ details: { used: 0, reserved: 100 } });
});

it('is not refused to those who came together with one that was cut off', async () => {
  const { budget } = budgetOf(100);
  const cut = Promise.withResolvers<number>();
  const stored = Promise.withResolvers<number>();
  const first = budget.reserve('ann', 10, () => cut.promise);
  const second = budget.reserve('ann', 10, () => stored.promise);
  cut.reject(new PolymniaError('cancelled', 'The reader of the answer has gone.'));
  await expect(first).rejects.toMatchObject({ code: 'cancelled' });
  stored.resolve(95);
  await expect(second).rejects.toMatchObject({ details: { used: 95 } });
});

it('counts nothing without a limit', async () => {
  const { budget } = budgetOf(0);
  const all = Array.from({ length: 5 }, () => budget.reserve('ann', 1e9, () => Promise.reject(new Error('nobody needs to know'))));
  for (const each of await Promise.all(all)) each.settle(1e9);
});
