import { array, assert, constantFrom, nat, property, record } from 'fast-check';
import { expect, it } from 'vitest';
import { ManualClock } from '../../kernel/clock.ts';
import { createProgressNotifier, type ProgressValue } from './progress-notifier.ts';

function start(): { clock: ManualClock; sent: ProgressValue[]; notifier: ReturnType<typeof createProgressNotifier> } {
  const clock = new ManualClock();
  const sent: ProgressValue[] = [];
  return { clock, sent, notifier: createProgressNotifier(clock, (value) => sent.push(value)) };
}

it('sends the first report at once and the last one after the interval', () => {
  const { clock, sent, notifier } = start();
  for (let done = 1; done <= 50; done++) notifier.report({ phase: 'read', done, total: 50, unit: 'rows' });
  clock.advance(199);
  expect(sent.map((value) => value.progress)).toEqual([1]);
  clock.advance(1);
  expect(sent.at(-1)).toEqual({ progress: 50, total: 50, message: 'read: 50 rows' });
});

it('counts on over phases', () => {
  const { clock, sent, notifier } = start();
  notifier.report({ phase: 'read', done: 10, total: 10, unit: 'rows' });
  clock.advance(200);
  notifier.report({ phase: 'write', done: 0, total: 5, unit: 'rows' });
  notifier.report({ phase: 'write', done: 2, total: 5, unit: 'rows', message: 'half way' });
  expect(sent.at(-1)).toEqual({ progress: 12, total: 15, message: 'half way' });
});

it('sends nothing after it was disposed and leaves no timer', () => {
  const { clock, sent, notifier } = start();
  notifier.report({ phase: 'read', done: 1, unit: 'rows' });
  notifier.report({ phase: 'read', done: 2, unit: 'rows' });
  notifier[Symbol.dispose]();
  clock.advance(1000);
  expect(sent).toHaveLength(1);
  expect(clock.pending).toBe(0);
});

it('rises strictly and never faster than five a second, whatever is reported', () => {
  const reports = array(record({ phase: constantFrom('a', 'b', 'c'), done: nat(100), wait: nat(150) }), { maxLength: 100 });
  assert(
    property(reports, (steps) => {
      const clock = new ManualClock();
      const sent: { value: number; at: number }[] = [];
      using notifier = createProgressNotifier(clock, ({ progress }) => sent.push({ value: progress, at: clock.monotonic() }));
      for (const { phase, done, wait } of steps) {
        notifier.report({ phase, done, unit: 'rows' });
        clock.advance(wait);
      }
      const tooSoonOrTooLow = sent.filter(({ value, at }, index) => {
        const previous = sent[index - 1];
        return previous !== undefined && (value <= previous.value || at - previous.at < 200);
      });
      expect(tooSoonOrTooLow).toEqual([]);
    }),
  );
});
