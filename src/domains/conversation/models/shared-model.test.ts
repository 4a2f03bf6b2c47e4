import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import type { LanguageModel, ModelEvent, ModelRequest } from '../ports.ts';
import { SharedModel } from './shared-model.ts';

const REQUEST: ModelRequest = { messages: [{ role: 'user', content: 'hello' }], passages: [] };

/** Callers whose calls wait at the model until they are let go, in the order they reached it. */
function kit(capacity: number, model?: LanguageModel) {
  const clock = new ManualClock();
  const reached: (() => void)[] = [];
  const waiting: LanguageModel = {
    async *stream(): AsyncGenerator<ModelEvent> {
      const { promise, resolve } = Promise.withResolvers<void>();
      reached.push(resolve);
      await promise;
      yield { type: 'finish', reason: 'stop' };
    },
  };
  const shared = new SharedModel({ name: 'tiny', model: model ?? waiting, capacity, clock, random: () => 0 });
  const finished: string[] = [];
  const costs: number[] = [];
  const call = async (user: string, signal = new AbortController().signal): Promise<readonly unknown[]> => {
    const caller = { userId: user, name: user, timeZone: 'UTC', group: user, weight: 1, limits: {} };
    const events = await Array.fromAsync(
      shared.stream(REQUEST, { caller, signal, deadlineAt: Infinity, meter: { add: (cost) => void costs.push(cost) } }),
    );
    finished.push(user);
    return events;
  };
  return { clock, reached, shared, finished, costs, call };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
};

describe('SharedModel', () => {
  it('holds calls in flight to its cap, and gives one user no more than all but one', async () => {
    const { call, reached, finished } = kit(3);
    const greedy = Array.from({ length: 6 }, () => call('greedy'));
    await settle();
    expect(reached).toHaveLength(2);
    const light = call('light');
    await settle();
    expect(reached).toHaveLength(3);
    reached[2]?.();
    await light;
    expect(finished).toEqual(['light']);
    for (let at = 0; at < 7; at++) {
      reached[at]?.();
      await settle();
    }
    await Promise.all(greedy);
  });

  it('takes the waiting calls of another before the next ones of who has had more', async () => {
    const { call, reached, finished } = kit(2);
    const calls = [call('greedy'), call('greedy'), call('greedy'), call('other'), call('light')];
    await settle();
    for (let at = 0; at < calls.length; at++) {
      reached[at]?.();
      await settle();
    }
    await Promise.all(calls);
    expect(finished.indexOf('light')).toBeLessThan(finished.lastIndexOf('greedy'));
  });

  it('gives the place of an aborted caller to the next one', async () => {
    const { call, reached } = kit(1);
    const first = call('a');
    const controller = new AbortController();
    const second = call('b', controller.signal);
    await settle();
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: 'cancelled' });
    reached[0]?.();
    await first;
    const third = call('c');
    await settle();
    reached[1]?.();
    expect(await third).toHaveLength(2);
  });

  it('settles with what the provider counted, or an estimate by bytes', async () => {
    const counting = kit(1, {
      async *stream(): AsyncGenerator<ModelEvent> {
        yield { type: 'usage', usage: { inputTokens: 40, outputTokens: 2 } };
        yield { type: 'finish', reason: 'stop' };
      },
    });
    expect((await counting.call('a')).at(-1)).toEqual({ type: 'usage', usage: { inputTokens: 40, outputTokens: 2, estimated: false } });
    expect(counting.costs).toEqual([42]);
    const silent = kit(1, {
      async *stream(): AsyncGenerator<ModelEvent> {
        yield { type: 'text', text: 'a'.repeat(30) };
        yield { type: 'finish', reason: 'stop' };
      },
    });
    expect((await silent.call('a')).at(-1)).toEqual({ type: 'usage', usage: { inputTokens: 6, outputTokens: 10, estimated: true } });
  });
});

describe('the circuit breaker', () => {
  function failing() {
    let asked = 0;
    let failure: PolymniaError | undefined = new PolymniaError('upstream_failed', 'It broke.');
    const made = kit(10, {
      async *stream(): AsyncGenerator<ModelEvent> {
        asked++;
        if (failure !== undefined) throw failure;
        yield { type: 'finish', reason: 'stop' };
      },
    });
    const codes = async (times: number): Promise<readonly string[]> => {
      const told: string[] = [];
      for (let at = 0; at < times; at++) {
        told.push(
          await made.call('a').then(
            () => 'ok',
            (error: PolymniaError) => error.code,
          ),
        );
      }
      return told;
    };
    return { ...made, codes, asked: () => asked, fail: (next: PolymniaError | undefined) => void (failure = next) };
  }

  it('spares callers a model that failed five times in a row, and tries one call after a while', async () => {
    const { codes, asked, clock, fail } = failing();
    expect(await codes(7)).toEqual([...Array.from({ length: 5 }, () => 'upstream_failed'), 'overloaded', 'overloaded']);
    expect(asked()).toBe(5);
    clock.advance(10_000);
    expect(await codes(2)).toEqual(['upstream_failed', 'overloaded']);
    clock.advance(10_000);
    fail(undefined);
    expect(await codes(2)).toEqual(['ok', 'ok']);
  });

  it('counts nothing that is the caller’s doing', async () => {
    const { codes, asked, fail } = failing();
    fail(new PolymniaError('invalid_input', 'Too long.'));
    await codes(10);
    expect(asked()).toBe(10);
  });
});
