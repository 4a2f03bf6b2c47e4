import { expect, test } from 'vitest';
import { ManualClock } from '../../kernel/clock.ts';
import { Accounts, space } from './gate-test-kit.ts';
import { StorageLedger } from './storage-ledger.ts';

function ledgerOf(accounts = new Accounts()): { readonly ledger: StorageLedger; readonly accounts: Accounts; readonly clock: ManualClock } {
  const clock = new ManualClock();
  return { ledger: new StorageLedger({ accounts, clock, maxBytes: 1000, serviceShare: 2 }), accounts, clock };
}

test('a hundred parallel reservations never exceed the limit', async () => {
  const { ledger } = ledgerOf();
  const results = await Promise.allSettled(Array.from({ length: 100 }, () => ledger.reserve(space('ann'), 99)));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'quota_exceeded', details: { limitBytes: 1000 } } });
});

test('what was reserved and not spent is free again; what was freed too', async () => {
  const { ledger } = ledgerOf();
  {
    using reservation = await ledger.reserve(space('ann'), 900);
    reservation.settle(100);
    reservation.settle(5000);
  }
  expect(await ledger.used('ann')).toBe(100);
  using big = await ledger.reserve(space('ann'), 900);
  big.settle(-100);
  expect(await ledger.used('ann')).toBe(0);
});

test('deleting is allowed over quota', async () => {
  const { ledger, accounts } = ledgerOf();
  accounts.used.set('ann', 5000);
  using reservation = await ledger.reserve(space('ann'), 0);
  reservation.settle(-4500);
  expect(await ledger.used('ann')).toBe(500);
});

test('a reservation that nobody settles expires', async () => {
  const { ledger, clock } = ledgerOf();
  await ledger.reserve(space('ann'), 1000);
  await expect(ledger.reserve(space('ann'), 1)).rejects.toMatchObject({ code: 'quota_exceeded' });
  clock.advance(3 * 3_600_000);
  await expect(ledger.reserve(space('ann'), 1000)).resolves.toBeDefined();
});

test('the total starts from what the spaces say, once, however many ask', async () => {
  const { ledger, accounts } = ledgerOf();
  accounts.used.set('ann', 950);
  const results = await Promise.allSettled([ledger.reserve(space('ann'), 30), ledger.reserve(space('ann'), 30)]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
});

test("a service's users together have the service's share, known users and new ones", async () => {
  const { ledger, accounts } = ledgerOf();
  accounts.saved.set('bot/a', 900);
  accounts.used.set('bot/a', 950);
  using first = await ledger.reserve(space('bot/a'), 50);
  first.settle(50);
  using second = await ledger.reserve(space('bot/b'), 900);
  second.settle(900);
  await expect(ledger.reserve(space('bot/c'), 101)).rejects.toMatchObject({ code: 'quota_exceeded', message: expect.stringContaining('service') });
  await expect(ledger.reserve(space('bot/c'), 100)).resolves.toBeDefined();
});

test('changed totals are saved', async () => {
  const { ledger, accounts } = ledgerOf();
  using reservation = await ledger.reserve(space('ann'), 10);
  reservation.settle(7);
  await ledger.flush();
  expect(accounts.saved.get('ann')).toBe(7);
});

test('a forgotten account is read afresh, and its service counts it once', async () => {
  const { ledger, accounts } = ledgerOf();
  using first = await ledger.reserve(space('bot/a'), 900);
  first.settle(900);
  using second = await ledger.reserve(space('bot/b'), 900);
  second.settle(900);
  await ledger.flush();
  accounts.used.set('bot/b', 900);
  await ledger.forget('bot/a');
  expect(await ledger.used('bot/a')).toBe(0);
  await expect(ledger.reserve(space('bot/c'), 1000)).resolves.toBeDefined();
  await expect(ledger.reserve(space('bot/a'), 101)).rejects.toMatchObject({ code: 'quota_exceeded', message: expect.stringContaining('service') });
});
