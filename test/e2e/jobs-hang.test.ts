import { describe, expect, it } from 'vitest';
import { childrenOf, isAlive } from '../support/children.ts';
import { eventually } from '../support/leaks.ts';
import { manySources, smallSources } from '../support/sources.ts';
import { openTown } from '../support/town.ts';

const LONG_MS = 120_000;
const TIMEOUT_MS = 4000;

describe('a child that hangs for ever', () => {
  it(
    '[kills-hang] keeps its lease, ends at the time-out of its lane, and leaves its place to the next job',
    async () => {
      await using town = await openTown({ settings: { CODE_WORKERS: 1, JOB_LEASE: 500, SYNC_OP_TIMEOUT: TIMEOUT_MS } });
      const [ann, bob] = [await town.citizen('ann'), await town.citizen('bob')];
      const sources = { large: await town.sources(manySources(600)), small: await town.sources(smallSources('next')) };
      const begun = performance.now();
      const { job } = (await town.done(ann, 'sync_repository', { source: sources.large, name: 'hangs', background: true })) as {
        job: { id: string };
      };
      const children = await eventually(() => {
        const found = childrenOf(process.pid);
        expect(found).not.toEqual([]);
        return found;
      });
      for (const pid of children) process.kill(pid, 'SIGSTOP');
      const next = town.done(bob, 'sync_repository', { source: sources.small, name: 'next' });
      const ended = (await town.done(ann, 'get_job', { id: job.id, wait: 'end' })) as { job: Record<string, unknown> };
      expect(ended.job).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'timed_out' } });
      expect(performance.now() - begun).toBeGreaterThan(TIMEOUT_MS);
      await eventually(() => expect(children.filter(isAlive)).toEqual([]));
      expect(await next).toMatchObject({ complete: true, job: { state: 'succeeded', attempt: 1 } });
    },
    LONG_MS,
  );
});
