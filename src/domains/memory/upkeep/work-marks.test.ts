import { describe, expect, it } from 'vitest';
import type { SpaceWork, SpaceWorkEntry, SpaceWorkKind } from '../ports.ts';
import { WorkMarks } from './work-marks.ts';

const SPACE = '00000000000000aa';

/** The rows of the port, kept in memory, with the number of marks written. */
function rows() {
  const due = new Map<string, number>();
  let marks = 0;
  const work: SpaceWork = {
    async mark(space, kind, dueAt) {
      marks += 1;
      due.set(`${space}/${kind}`, Math.min(dueAt, due.get(`${space}/${kind}`) ?? Infinity));
    },
    async due(now, limit, kind) {
      const entries = [...due].map(([key, dueAt]): SpaceWorkEntry => ({ space: key.slice(0, 16), kind: key.slice(17) as SpaceWorkKind, dueAt }));
      return entries.filter((entry) => entry.kind === kind && entry.dueAt <= now).slice(0, limit);
    },
    async clear(space, kind, dueAt, nextDueAt) {
      const key = `${space}/${kind}`;
      if (due.get(key) !== dueAt) return;
      if (nextDueAt === undefined) due.delete(key);
      else due.set(key, nextDueAt);
    },
  };
  return { due, work, count: () => marks };
}

const entry = (dueAt: number): SpaceWorkEntry => ({ space: SPACE, kind: 'expire', dueAt });

describe('WorkMarks', () => {
  it('marks once for many writes, and again for an earlier time', async () => {
    const { work, count, due } = rows();
    const marks = new WorkMarks(work);
    for (const dueAt of [50, 60, 50, 40, 45]) (await marks.hold(SPACE, [{ kind: 'expire', dueAt }]))[Symbol.dispose]();
    expect(count()).toBe(2);
    expect(due.get(`${SPACE}/expire`)).toBe(40);
  });

  it('lets a finished sweep take the mark away, and marks anew after it', async () => {
    const { work, count, due } = rows();
    const marks = new WorkMarks(work);
    (await marks.hold(SPACE, [{ kind: 'expire', dueAt: 5 }]))[Symbol.dispose]();
    marks.beginSweep(entry(5));
    await marks.endSweep(entry(5), { done: true });
    expect(due.size).toBe(0);
    (await marks.hold(SPACE, [{ kind: 'expire', dueAt: 5 }]))[Symbol.dispose]();
    expect(due.size).toBe(1);
    expect(count()).toBe(2);
  });

  it('moves the mark to the next time', async () => {
    const { work, due } = rows();
    const marks = new WorkMarks(work);
    (await marks.hold(SPACE, [{ kind: 'expire', dueAt: 5 }]))[Symbol.dispose]();
    marks.beginSweep(entry(5));
    await marks.endSweep(entry(5), { done: true, nextDueAt: 9 });
    expect(due.get(`${SPACE}/expire`)).toBe(9);
  });

  it.each(['held since before the sweep', 'ended during the sweep', 'begun during the sweep'] as const)(
    'keeps the mark of a write %s',
    async (when) => {
      const { work, due } = rows();
      const marks = new WorkMarks(work);
      const coming = [{ kind: 'expire', dueAt: 5 }] as const;
      const before = when === 'begun during the sweep' ? undefined : await marks.hold(SPACE, coming);
      if (before === undefined) await work.mark(SPACE, 'expire', 5);
      marks.beginSweep(entry(5));
      if (when === 'ended during the sweep') before?.[Symbol.dispose]();
      const during = when === 'begun during the sweep' ? await marks.hold(SPACE, coming) : undefined;
      during?.[Symbol.dispose]();
      await marks.endSweep(entry(5), { done: true });
      before?.[Symbol.dispose]();
      expect(due.get(`${SPACE}/expire`)).toBe(5);
    },
  );

  it('writes the mark of a write that begins while the row is being removed', async () => {
    const { work, due } = rows();
    const marks = new WorkMarks(work);
    await work.mark(SPACE, 'expire', 5);
    marks.beginSweep(entry(5));
    const removal = marks.endSweep(entry(5), { done: true });
    const hold = await marks.hold(SPACE, [{ kind: 'expire', dueAt: 7 }]);
    await removal;
    hold[Symbol.dispose]();
    expect(due.get(`${SPACE}/expire`)).toBe(7);
  });

  it('tells listeners of what is newly marked, and lets go of a hold that could not be marked', async () => {
    const { work } = rows();
    const marks = new WorkMarks({
      ...work,
      mark: (space, kind, dueAt) => (dueAt < 0 ? Promise.reject(new Error('disk')) : work.mark(space, kind, dueAt)),
    });
    const told: SpaceWorkKind[] = [];
    const end = marks.onMark((kind) => told.push(kind));
    await expect(marks.hold(SPACE, [{ kind: 'scrub', dueAt: -1 }])).rejects.toThrow('disk');
    await marks.hold(SPACE, [{ kind: 'vectors', dueAt: 1 }]);
    end();
    await marks.hold(SPACE, [{ kind: 'scrub', dueAt: 1 }]);
    expect(told).toEqual(['vectors']);
  });
});
