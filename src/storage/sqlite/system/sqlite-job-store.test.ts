import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../kernel/clock.ts';
import { describeJobStore } from '../../contract/job-store.contract.ts';
import { createSqliteJobStore } from './sqlite-job-store.ts';
import { SystemDatabase } from './system-database.ts';

describeJobStore('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'polymnia-jobs-'));
  const database = await SystemDatabase.open({ path: join(folder, 'system.db'), clock: systemClock });
  return {
    store: createSqliteJobStore(database),
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
});
