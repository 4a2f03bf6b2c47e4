import { join } from 'node:path';
import { storeCall, temporaryFolder } from '../../../test/support/storage.ts';
import { systemClock } from '../../kernel/clock.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { conversationStoreContract } from '../contract/conversation-store.contract.ts';
import { SpaceFiles } from './space-files.ts';
import { createSqliteConversationStore } from './sqlite-conversation-store.ts';
import { createSqliteMemoryStore } from './sqlite-memory-store.ts';

conversationStoreContract('SQLite files and threads', async () => {
  const folder = await temporaryFolder();
  const files = new SpaceFiles({
    folder: join(folder.path, 'spaces'),
    archive: join(folder.path, 'archive'),
    clock: systemClock,
    logger: silentLogger,
    readers: 2,
    writers: 2,
    openFiles: 8,
    readerFiles: 8,
    cacheKiB: 512,
    mmapBytes: 0,
    busyTimeoutMs: 2000,
    idempotencyTtlMs: 60_000,
  });
  return {
    store: createSqliteConversationStore(files),
    memories: createSqliteMemoryStore(files),
    call: (overrides) => storeCall(overrides.space, 'user_a', overrides),
    async [Symbol.asyncDispose]() {
      await files[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
});
