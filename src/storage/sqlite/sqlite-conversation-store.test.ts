import { smallFiles, storeCall, temporaryFolder } from '../../../test/support/storage.ts';
import { conversationStoreContract } from '../contract/conversation-store.contract.ts';
import { createSqliteConversationStore } from './sqlite-conversation-store.ts';
import { createSqliteMemoryStore } from './sqlite-memory-store.ts';

conversationStoreContract('SQLite files and threads', async () => {
  const folder = await temporaryFolder();
  const files = smallFiles(folder.path);
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
