import { expect, it } from 'vitest';
import { ManualClock } from '../../kernel/clock.ts';
import { ProgressCourse } from './progress-course.ts';

it('never falls within a phase, and begins anew with the next', () => {
  const course = new ProgressCourse(new ManualClock());
  expect(course.report({ phase: 'read', done: 5, total: 4, unit: 'files' })).toMatchObject({ done: 5, total: 5 });
  expect(course.report({ phase: 'read', done: 3, total: 9, unit: 'files' })).toMatchObject({ done: 5, total: 9 });
  expect(course.report({ phase: 'write', done: 1, unit: 'rows' })).toEqual({ phase: 'write', done: 1, unit: 'rows', at: 1_800_000_000_000 });
});

it('tells the rate of the last half minute, and the rest by it', () => {
  const clock = new ManualClock();
  const course = new ProgressCourse(clock);
  let done = 0;
  const forSeconds = (seconds: number, perSecond: number) => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1000);
      done += perSecond;
      course.report({ phase: 'read', done, total: 10_000, unit: 'files' });
    }
    return course.latest;
  };
  course.report({ phase: 'read', done: 0, total: 10_000, unit: 'files' });
  expect(forSeconds(10, 10)).toMatchObject({ done: 100, rate: 10, remainingMs: 990_000 });
  const { rate = 0 } = forSeconds(60, 100) ?? {};
  expect(rate).toBeCloseTo(100, 5);
});

it('tells no rate from too short a time', () => {
  const clock = new ManualClock();
  const course = new ProgressCourse(clock);
  course.report({ phase: 'read', done: 0, unit: 'files' });
  clock.advance(100);
  expect(course.report({ phase: 'read', done: 50, unit: 'files' }).rate).toBeUndefined();
});

it('holds a bounded number of points however often it is told', () => {
  const clock = new ManualClock();
  const course = new ProgressCourse(clock);
  for (let done = 0; done < 100_000; done += 1) {
    clock.advance(1);
    course.report({ phase: 'read', done, unit: 'files' });
  }
  expect(course.latest?.rate).toBeCloseTo(1000, 0);
});
