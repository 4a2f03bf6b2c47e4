import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../kernel/clock.ts';
import { describeIdentityStore } from '../../contract/identity-store.contract.ts';
import { createSqliteIdentityStore } from './sqlite-identity-store.ts';
import { SystemDatabase } from './system-database.ts';
import { createSqliteSpaceWorkStore } from './upkeep-stores.ts';

describeIdentityStore('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'polymnia-identity-'));
  const database = await SystemDatabase.open({ path: join(folder, 'system.db'), clock: systemClock });
  return {
    store: createSqliteIdentityStore(database),
    retentionWork: () => createSqliteSpaceWorkStore<'retention'>(database).due(Number.MAX_SAFE_INTEGER, 10, 'retention'),
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
});
