import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { type LanguageModel, SharedModel } from '../domains/conversation/index.ts';
import { ManualClock } from '../kernel/clock.ts';
import { PolymniaError } from '../kernel/errors.ts';
import { ModelMetrics } from './model-metrics.ts';

const CALLER = { userId: 'user_ann', name: 'Ann', timeZone: 'UTC', group: 'user_ann', weight: 1, limits: {} };
const REQUEST = { messages: [{ role: 'user', content: 'hello' }], passages: [] } as const;

it('tell calls, time to the first token, calls in flight and the breaker by model, never a user', async () => {
  const registry = new Registry();
  const clock = new ManualClock();
  let failure: PolymniaError | undefined;
  const model: LanguageModel = {
    async *stream() {
      clock.advance(400);
      if (failure !== undefined) throw failure;
      yield { type: 'text', text: 'hi' };
      yield { type: 'finish', reason: 'stop' };
    },
  };
  const shared = new SharedModel({ name: 'tiny', model, capacity: 10, clock, random: () => 0, observer: new ModelMetrics(registry) });
  const open = () => shared.stream(REQUEST, { caller: CALLER, signal: new AbortController().signal, deadlineAt: Infinity, meter: { add() {} } });
  const line = async (start: string): Promise<string | undefined> => {
    const lines = (await registry.metrics()).split('\n');
    return lines.find((each) => each.startsWith(start))?.slice(start.length + 1);
  };

  const reading = open();
  await reading.next();
  expect(await line('polymnia_model_in_flight{model="tiny"}')).toBe('1');
  await reading.return(undefined);
  expect(await line('polymnia_model_calls_total{model="tiny",outcome="cancelled"}')).toBe('1');
  await Array.fromAsync(open());
  expect(await line('polymnia_model_calls_total{model="tiny",outcome="ok"}')).toBe('1');
  expect(await line('polymnia_model_first_token_seconds_sum{model="tiny"}')).toBe('0.8');
  expect(await line('polymnia_model_breaker_open{model="tiny"}')).toBe('0');

  failure = new PolymniaError('timed_out', 'Too late.');
  for (let at = 0; at < 6; at++) await expect(Array.fromAsync(open())).rejects.toBeInstanceOf(PolymniaError);
  // The sixth was refused before the model was asked.
  expect(await line('polymnia_model_calls_total{model="tiny",outcome="timed_out"}')).toBe('5');
  expect(await line('polymnia_model_breaker_open{model="tiny"}')).toBe('1');
  failure = undefined;
  clock.advance(10_000);
  await Array.fromAsync(open());
  expect(await line('polymnia_model_breaker_open{model="tiny"}')).toBe('0');
  expect(await line('polymnia_model_in_flight{model="tiny"}')).toBe('0');
  expect(await registry.metrics()).not.toContain('ann');
});
