import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { followHistory } from '../simulation/real-history.ts';

const CHECKOUT = join(import.meta.dirname, '../..');

it.skipIf(!existsSync(join(CHECKOUT, '.git')))(
  'the last commits of this project, synced one by one and then rewritten, end in the index that a fresh sync makes',
  async () => {
    const reports = await followHistory(CHECKOUT, { commits: 10, compareEvery: 5 });
    expect(reports.every(({ complete, filesIndexed }) => complete && filesIndexed > 0)).toBe(true);
  },
  600_000,
);
