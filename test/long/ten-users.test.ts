import { describe, expect, it } from 'vitest';
import { childrenOf } from '../support/children.ts';
import { eventually, expectIdle } from '../support/leaks.ts';
import { manySources, smallSources } from '../support/sources.ts';
import { openTown } from '../support/town.ts';

const ownChildren = (): readonly number[] => childrenOf(process.pid);

describe('many at once', () => {
  it('[P1-ten-users] ten users each store ten memories and sync a repository: all is done, and no memory call waits for a sync', async () => {
    await using town = await openTown();
    const users = await Promise.all(Array.from({ length: 10 }, (_, n) => town.citizen(`user ${n}`)));
    const sources = await Promise.all(users.map((_user, n) => town.sources({ ...manySources(10), ...smallSources(`word${n}`) })));
    let unfinished = users.length;
    let most = 0;
    const work = users.flatMap((user, n) => [
      town.done(user, 'sync_repository', { source: sources[n], name: 'app' }).finally(() => (unfinished -= 1)),
      ...Array.from({ length: 10 }, async (_, k) => {
        await town.done(user, 'store_memory', { content: `Memory ${k} of user ${n}.` });
        expect(unfinished, 'syncs that had not ended when a memory was stored').toBeGreaterThan(5);
        most = Math.max(most, ownChildren().length);
      }),
    ]);
    const answers = await Promise.all(work);
    expect(answers.filter((answer) => answer?.['complete'] === true)).toHaveLength(10);
    expect(most).toBeLessThanOrEqual(3);
    for (const user of users) {
      expect(await town.done(user, 'memory_stats')).toMatchObject({ memories: 10 });
      expect(await town.done(user, 'list_jobs')).toMatchObject({ jobs: [{ state: 'succeeded' }] });
    }
    await expectIdle(town.server);
    await eventually(() => expect(ownChildren()).toEqual([]));
  }, 60_000);
});
