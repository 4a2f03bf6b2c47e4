import { describe } from 'vitest';
import type { ConversationStoreHarness } from './conversation-store-fixture.ts';
import { readsContract } from './conversation-store-reads.ts';
import { retentionContract } from './conversation-store-retention.ts';
import { turnsContract } from './conversation-store-turns.ts';
import { upkeepContract } from './conversation-store-upkeep.ts';
import { sharedHarness } from './shared-harness.ts';

/**
 * What every conversation store must do, whatever it is made of. One harness serves the whole suite; each test uses spaces of its
 * own, so nothing needs to be emptied in between.
 */
export function conversationStoreContract(name: string, makeHarness: () => Promise<ConversationStoreHarness>): void {
  describe(`conversation store: ${name}`, () => {
    const harness = sharedHarness(makeHarness);

    describe('turns', () => {
      turnsContract(harness);
    });
    describe('reads', () => {
      readsContract(harness);
    });
    describe('upkeep', () => {
      upkeepContract(harness);
    });
    describe('retention', () => {
      retentionContract(harness);
    });
  });
}
