import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { PolymniaError } from '../../src/kernel/errors.ts';
import type { BoundOperation } from '../../src/kernel/operation.ts';
import { startChild } from '../support/child-server.ts';
import { eventually, expectIdle } from '../support/leaks.ts';
import { temporaryFolder } from '../support/storage.ts';
import { whyNoTrace, withSlowSync } from '../support/strace.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';
import { type Answer, credentials, readerOf } from '../support/wire.ts';

/** What a held call costs its user. */
const COST_US = 1000;

/** `search_memory` that goes on only when the test says so, or when it is told to stop. */
class Held {
  /** Users whose calls have started, in that order. */
  readonly started: string[] = [];
  /** Why calls were stopped. */
  readonly stopped: unknown[] = [];
  readonly #waiting: (() => void)[] = [];

  readonly wrap = (operation: BoundOperation): BoundOperation =>
    operation.name !== 'search_memory'
      ? operation
      : {
          ...operation,
          run: (_input, { caller, signal, meter }) => {
            this.started.push(caller.name);
            meter.add(COST_US);
            return new Promise((resolve, reject) => {
              signal.addEventListener('abort', () => {
                this.stopped.push(signal.reason);
                reject(signal.reason instanceof PolymniaError ? signal.reason : new PolymniaError('cancelled', 'The call was cancelled.'));
              });
              this.#waiting.push(() => resolve({ results: [] }));
            });
          },
        };

  /** Lets the call that started first end. */
  release(): void {
    this.#waiting.shift()?.();
  }

  releaseAll(): void {
    for (const end of this.#waiting.splice(0)) end();
  }
}

function codes(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { problem } of answers) counts[problem?.code ?? 'ok'] = (counts[problem?.code ?? 'ok'] ?? 0) + 1;
  return counts;
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? Number.NaN;
}

describe('one user beyond all measure', () => {
  it('[P1-greedy] passes at 50 times its rate, with 20 keys, no more than its rate, and 19 others all they ask for', async () => {
    const rate = 40;
    await using town = await openTown({
      sockets: true,
      realRates: true,
      settings: { RATE_LIMIT_MEMORY_PER_MIN: rate, RATE_LIMIT_ADMIN_PER_MIN: 10_000 },
    });
    const greedy = await town.citizen('greedy');
    const keys = await Promise.all(Array.from({ length: 20 }, () => town.keyFor(greedy.id)));
    const normal = await Promise.all(Array.from({ length: 19 }, (_, n) => town.citizen(`normal ${n}`)));
    let done = false;

    const flood = Promise.all(
      keys.map(async ({ secret }) => {
        const answers: Answer[] = [];
        for (let i = 0; i < (rate * 50) / keys.length; i++) answers.push(await town.rest({ key: secret }, 'search_memory', { limit: 1 }));
        return answers;
      }),
    ).then((all) => {
      done = true;
      return all.flat();
    });
    const others = Promise.all(
      normal.map(async (user) => {
        const answers: Answer[] = [];
        for (let i = 0; i < 10; i++) {
          answers.push(
            await town.rest(user, 'store_memory', { content: `Mine, ${i}.` }),
            await town.rest(user, 'retrieve_memory', { query: 'mine' }),
          );
          if (!done) await delay(20);
        }
        return answers;
      }),
    );
    const [refused, fine] = await Promise.all([flood, others]);
    expect(codes(refused)).toEqual({ ok: rate, rate_limited: rate * 49 });
    expect(codes(fine.flat())).toEqual({ ok: 19 * 20 });
    const { problem } = refused.find(({ ok }) => !ok) ?? {};
    expect(problem?.retryAfterMs).toBeGreaterThan(0);
    expect(problem?.retryAfterMs).toBeLessThanOrEqual(60_000);
    const headers = (await town.send('/api/v1/memories', { headers: credentials(greedy) })).headers;
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(headers.get('ratelimit')).toContain('r=0');
  }, 60_000);

  it('[clock-steps] gains nothing and loses nothing when the wall clock is set', async () => {
    let offset = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + offset };
    await using town = await openTown({ realRates: true, settings: { RATE_LIMIT_MEMORY_PER_MIN: 3 }, overrides: { clock } });
    const user = await town.citizen('user');
    const call = (): Promise<Answer> => town.rest(user, 'search_memory');
    expect(codes([await call(), await call()])).toEqual({ ok: 2 });
    for (const step of [3_600_000, -7_200_000]) {
      offset += step;
      await call();
      expect((await call()).problem?.code, `after ${step} ms`).toBe('rate_limited');
    }
    expect((await town.rest(user, 'whoami')).ok).toBe(true);
  });

  it("[P1-line-fair] gets 500 calls into line, and another user's one call is among the next two all the same", async () => {
    const held = new Held();
    // A time-out that no estimate of so long a wait exceeds.
    const settings = { MAX_CONCURRENT_MEMORY_OPS: 3, MAX_CONCURRENT_OPS_PER_USER: 2, MAX_WAITING_PER_USER: 500, MEMORY_OP_TIMEOUT: 3_600_000 };
    await using town = await openTown({ settings, overrides: { wrapOperation: held.wrap } });
    const [many, more, one] = await Promise.all([town.citizen('many'), town.citizen('more'), town.citizen('one')]);
    const flood = [many, more].flatMap((user) => Array.from({ length: 500 }, () => town.rest(user, 'search_memory')));
    await eventually(() => expect(waiting(town)).toBe(1000 - 3));
    const single = town.rest(one, 'search_memory');
    await eventually(() => expect(waiting(town)).toBe(1001 - 3));
    const before = held.started.length;
    for (const n of [1, 2]) {
      held.release();
      await eventually(() => expect(held.started.length).toBe(before + n));
    }
    expect(held.started.slice(before)).toContain('one');
    const ending = setInterval(() => held.releaseAll(), 1);
    expect((await single).ok).toBe(true);
    expect(codes(await Promise.all(flood))).toEqual({ ok: 1000 });
    clearInterval(ending);
    await expectIdle(town.server);
  });

  it('[P5-line-bounded] is refused with 429 beyond its line, and holds no place for what was refused', async () => {
    const held = new Held();
    await using town = await openTown({ overrides: { wrapOperation: held.wrap } });
    const user = await town.citizen('user');
    const flood = Array.from({ length: 500 }, () => town.rest(user, 'search_memory'));
    await eventually(() => expect(held.started.length).toBe(10));
    const ending = setInterval(() => held.releaseAll(), 1);
    const answers = await Promise.all(flood);
    clearInterval(ending);
    const { ok = 0, rate_limited: refused = 0 } = codes(answers);
    expect(ok + refused).toBe(500);
    expect(ok).toBeGreaterThanOrEqual(10 + 32);
    expect(refused).toBeGreaterThan(400);
    await expectIdle(town.server);
    expect((await town.rest(user, 'memory_stats')).ok).toBe(true);
  });
});

function waiting(town: Town): number {
  return town.server.gate.load().reduce((sum, lane) => sum + lane.waiting, 0) + heldInOwnLine(town);
}

/** Calls that wait for one of their user's own slots stand in no lane. */
function heldInOwnLine(town: Town): number {
  const running = town.server.gate.load().reduce((sum, lane) => sum + lane.running + lane.waiting, 0);
  return town.server.gate.inFlight - running;
}

describe('calls that end before their time', () => {
  it('[P4-timeout-stops] times out by the name of the limit, and the work really stops', async () => {
    const held = new Held();
    await using town = await openTown({ sockets: true, settings: { MEMORY_OP_TIMEOUT: 150 }, overrides: { wrapOperation: held.wrap } });
    const user = await town.citizen('user');
    for (const call of [town.rest(user, 'search_memory'), town.mcp(user, 'search_memory')]) {
      const { problem } = await call;
      expect(problem).toMatchObject({ code: 'timed_out', status: 504, details: { limit: 'MEMORY_OP_TIMEOUT' } });
    }
    expect(held.stopped.length).toBe(2);
    await expectIdle(town.server);
  });

  it('[P4-waiting-times-out] times out in line as well, and leaves it', async () => {
    const held = new Held();
    const settings = { MEMORY_OP_TIMEOUT: 200, MAX_CONCURRENT_MEMORY_OPS: 2, MAX_CONCURRENT_OPS_PER_USER: 1 };
    await using town = await openTown({ settings, overrides: { wrapOperation: held.wrap } });
    const user = await town.citizen('user');
    const answers = await Promise.all(Array.from({ length: 5 }, () => town.rest(user, 'search_memory')));
    expect(answers.every(({ problem }) => problem?.code === 'timed_out' || problem?.code === 'rate_limited' || problem?.code === 'overloaded')).toBe(
      true,
    );
    expect(answers.some(({ problem }) => problem?.code === 'timed_out')).toBe(true);
    await expectIdle(town.server);
  });

  it('[P4-hang-up-frees] free their place when the client hangs up, whether they ran or waited', async () => {
    const held = new Held();
    const settings = { MAX_CONCURRENT_MEMORY_OPS: 3, MAX_CONCURRENT_OPS_PER_USER: 2 };
    await using town = await openTown({ sockets: true, settings, overrides: { wrapOperation: held.wrap } });
    const user = await town.citizen('user');
    const controllers = Array.from({ length: 6 }, () => new AbortController());
    const calls = controllers.map(({ signal }) => town.rest(user, 'search_memory', {}, { signal }).catch((error: unknown) => error));
    await eventually(() => expect(town.server.gate.inFlight).toBe(6));
    expect(held.started.length).toBe(2);
    for (const controller of controllers) controller.abort();
    await Promise.all(calls);
    await expectIdle(town.server);
    expect(held.stopped.length).toBe(held.started.length);
    expect((await town.rest(user, 'memory_stats')).ok).toBe(true);
  });
});

describe('authority that ends while a stream runs', () => {
  const losses: readonly (readonly [string, (town: Town, member: Citizen, keyId: string, space: string) => Promise<unknown>])[] = [
    ['the key is revoked', (town, _member, keyId) => town.done(town.admin, 'revoke_key', { keyId })],
    ['the user is disabled', (town, { id }) => town.done(town.admin, 'update_user', { userId: id, status: 'disabled' })],
    ['the membership ends', (town, { id }, _keyId, space) => town.done(town.admin, 'remove_member', { spaceId: space, userId: id })],
    ['the space is deleted', (town, _member, _keyId, space) => town.done(town.admin, 'delete_space', { spaceId: space })],
  ];

  it('[authority-5s] ends the export within 5 s, short of its end line', async () => {
    await using town = await openTown({ sockets: true });
    for (const [n, [what, lose]] of losses.entries()) {
      const [owner, member] = await Promise.all([town.citizen(`host ${n}`), town.citizen(`member ${n}`)]);
      const space = await town.sharedSpace(owner, `space ${n}`, [[member, 'reader']]);
      // More than the buffers of a connection hold, so that the stream cannot end by itself.
      const big = Array.from({ length: 100 }, (_, i) => ({ content: `${i} ${'x'.repeat(60_000)}` }));
      for (let part = 0; part < 4; part++)
        await town.done(owner, 'store_memories', { space, items: big.map(({ content }) => ({ content: `${part} ${content}` })) });
      const key = await town.keyFor(member.id);
      const response = await town.send(`/api/v1/memories/export?space=${space}`, {
        headers: { ...credentials({ key: key.secret }), accept: 'application/x-ndjson' },
      });
      const reader = readerOf(response);
      expect((await reader.read()).done).toBe(false);
      expect(town.server.gate.inFlight, what).toBe(1);
      const lost = performance.now();
      await lose(town, member, key.id, space);
      await eventually(() => expect(town.server.gate.inFlight, what).toBe(0));
      expect(performance.now() - lost, what).toBeLessThan(5000);
      expect(await readRest(reader), what).not.toContain('"polymnia":"end"');
    }
  }, 40_000);

  /** The last bytes of a stream, however it ends. */
  async function readRest(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
    let tail = Buffer.alloc(0);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        tail = Buffer.concat([tail, value]).subarray(-4000);
      }
    } catch {
      // A connection that is cut ends the stream as well.
    }
    return tail.toString();
  }

  it('[authority-5s] ends calls that run or wait, too', async () => {
    const held = new Held();
    await using town = await openTown({
      settings: { MAX_CONCURRENT_MEMORY_OPS: 3, MAX_CONCURRENT_OPS_PER_USER: 2 },
      overrides: { wrapOperation: held.wrap },
    });
    const user = await town.citizen('user');
    const calls = Array.from({ length: 5 }, () => town.rest(user, 'search_memory'));
    await eventually(() => expect(town.server.gate.inFlight).toBe(5));
    await town.done(town.admin, 'update_user', { userId: user.id, status: 'disabled' });
    const answers = await Promise.all(calls);
    expect(answers.every(({ ok }) => !ok)).toBe(true);
    await expectIdle(town.server);
  });
});

describe('a slow disk', () => {
  const reason = whyNoTrace();

  it.skipIf(reason !== undefined)(
    `[P1-slow-fsync] delays no read while each sync takes 100 ms${reason === undefined ? '' : ` (skipped: ${reason})`}`,
    async () => {
      await using folder = await temporaryFolder();
      await using server = await startChild({
        dataDir: join(folder.path, 'data'),
        under: withSlowSync(100),
        settings: { LOG_LEVEL: 'error', RATE_LIMIT_MEMORY_PER_MIN: 1_000_000 },
      });
      const user = server.admin;
      await server.rest(user, 'store_memories', { items: Array.from({ length: 50 }, (_, n) => ({ content: `Swan number ${n}.` })) });
      const until = performance.now() + 2500;
      const writes: number[] = [];
      const reads: number[] = [];
      const timed = async (times: number[], name: string, input: Record<string, unknown>): Promise<void> => {
        const start = performance.now();
        const answer = await server.rest(user, name, input);
        expect(answer.ok, answer.text).toBe(true);
        times.push(performance.now() - start);
      };
      const writer = async (n: number): Promise<void> => {
        for (let i = 0; performance.now() < until; i++) await timed(writes, 'store_memory', { content: `Written ${n} ${i}.` });
      };
      const reader = async (): Promise<void> => {
        while (performance.now() < until) {
          await timed(reads, 'retrieve_memory', { query: 'swan' });
          await delay(5);
        }
      };
      await Promise.all([...Array.from({ length: 8 }, (_, n) => writer(n)), reader(), reader()]);
      expect(percentile(writes, 0.5)).toBeGreaterThan(100);
      expect(reads.length).toBeGreaterThan(30);
      expect(percentile(reads, 0.5), 'p50 of reads, ms').toBeLessThan(50);
      expect(percentile(reads, 0.95), 'p95 of reads, ms').toBeLessThan(90);
    },
    40_000,
  );
});
