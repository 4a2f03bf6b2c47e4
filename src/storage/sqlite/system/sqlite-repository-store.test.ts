import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../kernel/clock.ts';
import { describeRepositoryStore } from '../../contract/repository-store.contract.ts';
import { createSqliteRepositoryStore } from './sqlite-repository-store.ts';
import { SystemDatabase } from './system-database.ts';

describeRepositoryStore('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'polymnia-repositories-'));
  const database = await SystemDatabase.open({ path: join(folder, 'system.db'), clock: systemClock });
  return {
    store: createSqliteRepositoryStore(database),
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
});
