import { describe, expect, test } from 'vitest';
import { AT, type GetStore } from './job-store-fixture.ts';

export function describeSchedules(getStore: GetStore): void {
  describe('schedules', () => {
    test('a slot is taken once, by whoever comes first', async () => {
      const store = getStore();
      await store.putSchedule('nightly', '0 3 * * *');
      const taken = await Promise.all(Array.from({ length: 20 }, () => store.takeSlot('nightly', AT, AT + 1)));
      expect(taken.filter(Boolean)).toHaveLength(1);
      expect(await store.takeSlot('nightly', AT, AT + 99)).toBe(false);
      expect(await store.takeSlot('nightly', AT + 60_000, AT + 60_000)).toBe(true);
      expect(await store.takeSlot('unknown', AT, AT)).toBe(false);
    });

    test('a clock that was wrong for a time does not stop a schedule', async () => {
      const store = getStore();
      await store.putSchedule('nightly', '0 3 * * *');
      expect(await store.takeSlot('nightly', AT * 2, AT * 2)).toBe(true);
      expect(await store.takeSlot('nightly', AT, AT)).toBe(true);
      expect(await store.takeSlot('nightly', AT * 2, AT)).toBe(false);
    });

    test('what is known of them, in order of their names', async () => {
      const store = getStore();
      expect(await store.schedules()).toEqual([]);
      await store.putSchedule('b', '* * * * *');
      await store.putSchedule('a', '0 3 * * *');
      expect(await store.setSchedulePaused('b', true)).toBe(true);
      expect(await store.setSchedulePaused('unknown', true)).toBe(false);
      await store.takeSlot('b', AT, AT + 5);
      await store.noteScheduleRun('b', AT + 6, 'ok');
      await store.noteScheduleRun('unknown', AT, 'ok');
      await store.putSchedule('b', '*/5 * * * *');
      expect(await store.schedules()).toEqual([
        { name: 'a', pattern: '0 3 * * *', paused: false },
        { name: 'b', pattern: '*/5 * * * *', paused: true, lastSlot: AT, lastRunAt: AT + 6, lastOutcome: 'ok' },
      ]);
    });
  });
}
