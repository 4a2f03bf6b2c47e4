import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PolymniaError } from '../../kernel/errors.ts';
import { UserBudget } from './user-budget.ts';

function attempt(take: () => Disposable): Disposable | PolymniaError {
  try {
    return take();
  } catch (error) {
    if (error instanceof PolymniaError) return error;
    throw error;
  }
}

describe('a budget', () => {
  it('never lends more than a user may hold or than there is, and gets all back', () => {
    const step = fc.record({ user: fc.constantFrom('a', 'b', 'c'), amount: fc.integer({ min: 1, max: 6 }), giveBack: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const budget = new UserBudget({ perUser: 10, perService: 10, total: 15, what: 'bodies' });
        const loans: { readonly user: string; readonly amount: number; readonly loan: Disposable }[] = [];
        const held = (user?: string): number =>
          loans.filter((loan) => user === undefined || loan.user === user).reduce((sum, loan) => sum + loan.amount, 0);
        const outcomes: (readonly [string | undefined, string | undefined])[] = [];
        const totals: (readonly [number, number])[] = [];
        for (const { user, amount, giveBack } of steps) {
          if (giveBack) {
            const loan = loans.shift()?.loan;
            loan?.[Symbol.dispose]();
            loan?.[Symbol.dispose]();
          } else {
            const refusal = held(user) + amount > 10 ? 'rate_limited' : held() + amount > 15 ? 'overloaded' : undefined;
            const taken = attempt(() => budget.take({ userId: user, group: user }, amount));
            if (!('code' in taken)) loans.push({ user, amount, loan: taken });
            outcomes.push(['code' in taken ? taken.code : undefined, refusal]);
          }
          totals.push([budget.total, held()]);
        }
        expect(outcomes.map(([got]) => got)).toEqual(outcomes.map(([, wanted]) => wanted));
        expect(totals.map(([got]) => got)).toEqual(totals.map(([, wanted]) => wanted));
        for (const { loan } of loans) loan[Symbol.dispose]();
        expect(budget.total).toBe(0);
      }),
    );
  });

  it('lends the users of one service no more than the service may hold', () => {
    const budget = new UserBudget({ perUser: 2, perService: 3, total: 10, what: 'imports' });
    const loans = ['a', 'b', 'c'].map((user) => attempt(() => budget.take({ userId: user, group: 'service' }, 1)));
    const refused = attempt(() => budget.take({ userId: 'd', group: 'service' }, 1));
    expect('code' in refused ? refused.code : 'taken').toBe('rate_limited');
    expect('code' in attempt(() => budget.take({ userId: 'service', group: 'service' }, 2))).toBe(false);
    for (const loan of loans) if (!('code' in loan)) loan[Symbol.dispose]();
    expect('code' in attempt(() => budget.take({ userId: 'd', group: 'service' }, 2))).toBe(false);
    expect(budget.total).toBe(4);
  });
});
