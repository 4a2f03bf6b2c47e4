import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../../kernel/clock.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { createSqliteJobStore } from '../../storage/sqlite/system/sqlite-job-store.ts';
import { SystemDatabase } from '../../storage/sqlite/system/system-database.ts';
import { eventually } from '../../../test/support/leaks.ts';
import { temporaryFolder } from '../../../test/support/storage.ts';
import { type ScheduledTask, Scheduler } from './scheduler.ts';
import type { JobStore } from './store.ts';

const DAY = 86_400_000;
const NOON = Date.UTC(2026, 4, 13, 12);

let resources: AsyncDisposableStack;
let store: JobStore;
let clock: ManualClock;
let runs: number[];
let failing: Error | undefined;

const task: ScheduledTask = {
  name: 'nightly',
  pattern: '0 3 * * *',
  description: 'Counts.',
  async run() {
    runs.push(clock.now());
    if (failing !== undefined) throw failing;
    return `run ${runs.length}`;
  },
};

beforeEach(async () => {
  resources = new AsyncDisposableStack();
  const folder = resources.use(await temporaryFolder());
  clock = new ManualClock(NOON);
  const system = resources.use(await SystemDatabase.open({ path: join(folder.path, 'system.db'), clock }));
  store = createSqliteJobStore(system);
  runs = [];
  failing = undefined;
});

afterEach(() => resources.disposeAsync());

async function started(): Promise<Scheduler> {
  const scheduler = new Scheduler({ store, clock, logger: silentLogger, tasks: [task] });
  await scheduler.start();
  return scheduler;
}

/** Lets the looks of this time happen. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 3_600_000) {
    clock.advance(Math.min(3_600_000, ms - passed));
    await eventually(() => expect(clock.pending).toBeGreaterThan(0));
  }
}

it('runs a task at its slot, once, on one of several nodes', async () => {
  await using _one = await started();
  await using _two = await started();
  await pass(14 * 3_600_000);
  expect(runs).toEqual([]);
  await pass(3_600_000);
  await eventually(() => expect(runs).toHaveLength(1));
  await pass(DAY);
  await eventually(() => expect(runs).toHaveLength(2));
});

it('makes up for a missed slot once at the start; a task never seen has missed nothing', async () => {
  {
    await using _first = await started();
    expect(runs).toEqual([]);
  }
  clock.advance(5 * DAY);
  {
    await using again = await started();
    await eventually(async () => expect((await again.list())[0]).toMatchObject({ lastOutcome: 'run 1', lastRunAt: NOON + 5 * DAY, running: false }));
  }
  await using _third = await started();
  await pass(3_600_000);
  expect(runs).toHaveLength(1);
});

it('passes over the slots of a paused task, over restarts, and still runs it when asked', async () => {
  {
    await using scheduler = await started();
    await scheduler.setPaused('nightly', true);
  }
  clock.advance(2 * DAY);
  await using scheduler = await started();
  await pass(DAY);
  expect(runs).toEqual([]);
  expect((await scheduler.list())[0]).toMatchObject({ paused: true });
  expect(await scheduler.runNow('nightly')).toBe('run 1');
  await scheduler.setPaused('nightly', false);
  expect((await scheduler.list())[0]).toMatchObject({ paused: false, nextAt: Date.UTC(2026, 4, 17, 3) });
  await expect(scheduler.runNow('no such')).rejects.toMatchObject({ code: 'not_found' });
  await expect(scheduler.setPaused('no such', true)).rejects.toMatchObject({ code: 'not_found' });
});

it('tells of a failure, and goes on', async () => {
  failing = new Error('the disk says /secret/path');
  await using scheduler = await started();
  const outcome = await scheduler.runNow('nightly');
  expect(outcome).toMatch(/^failed: /);
  expect(outcome).not.toContain('secret');
  failing = undefined;
  expect(await scheduler.runNow('nightly')).toBe('run 2');
});
