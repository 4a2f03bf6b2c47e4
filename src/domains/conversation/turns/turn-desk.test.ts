import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../../kernel/clock.ts';
import type { OperationContext } from '../../../kernel/operation.ts';
import { TurnDesk } from './turn-desk.ts';
import { Turn } from './turn.ts';

const PER_USER = 2;
const WAITING = 3;

let desk: TurnDesk;

beforeEach(() => {
  const authority = { onAuthorityChange: () => () => {} };
  const limits = { capacity: 3, maxPerUser: PER_USER, maxWaitingPerUser: WAITING, queueMs: 60_000, runMs: 60_000 };
  desk = new TurnDesk({ clock: systemClock, random: () => 0, authority, ...limits });
});
afterEach(() => desk[Symbol.asyncDispose]());

function contextOf(userId: string): OperationContext {
  const caller = { userId, name: userId, timeZone: 'UTC', group: userId, weight: 1, limits: {} };
  return { caller, credential: { id: `key of ${userId}`, scopes: ['chat'] }, spaces: [] } as unknown as OperationContext;
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

/** A turn of the user's that runs until it is let go; resolves with why it failed, if it did. */
function turnOf(userId: string, until: Promise<void>): Promise<unknown> {
  const ended = Promise.withResolvers<unknown>();
  const place = desk.enter(contextOf(userId).caller);
  const turn = new Turn(undefined, systemClock);
  desk.start(
    turn,
    contextOf(userId),
    () => until,
    async (failure) => {
      place[Symbol.dispose]();
      ended.resolve(failure);
    },
  );
  return ended.promise;
}

it('ends what was let in before it ended and begins only then', async () => {
  const place = desk.enter(contextOf('ann').caller);
  const ended = desk[Symbol.asyncDispose]();
  const turn = new Turn(undefined, systemClock);
  const failed = new Promise((resolve) => {
    desk.start(
      turn,
      contextOf('ann'),
      (ctx) => rejectedBy(ctx.signal),
      async (failure) => {
        place[Symbol.dispose]();
        resolve(failure);
      },
    );
  });
  expect(await failed).toMatchObject({ code: 'overloaded', message: 'interrupted: the server is stopping.' });
  await ended;
});

it('refuses nothing that it has let in, also while others have all places', async () => {
  const { promise: until, resolve: letGo } = Promise.withResolvers<void>();
  const others = [turnOf('ann', until), turnOf('ann', until), turnOf('ben', until)];
  const own = Array.from({ length: PER_USER + WAITING }, () => turnOf('eve', until));
  expect(desk.load()).toMatchObject({ running: 3, waiting: PER_USER + WAITING });
  expect(() => desk.enter(contextOf('eve').caller)).toThrow('5 of your messages wait for their answers already');
  letGo();
  expect(await Promise.all([...others, ...own])).toEqual([...others, ...own].map(() => undefined));
  desk.enter(contextOf('eve').caller)[Symbol.dispose]();
});
