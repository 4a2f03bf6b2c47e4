import { describe } from 'vitest';
import { bulkContract } from './memory-store-bulk.ts';
import { filtersContract } from './memory-store-filters.ts';
import type { MemoryStoreHarness } from './memory-store-fixture.ts';
import { recordsContract } from './memory-store-records.ts';
import { searchContract } from './memory-store-search.ts';
import { sharedHarness } from './shared-harness.ts';

/**
 * What every memory store must do, whatever it is made of. One harness serves the whole suite; each test uses spaces of its own, so
 * nothing needs to be emptied in between.
 */
export function memoryStoreContract(name: string, makeHarness: () => Promise<MemoryStoreHarness>): void {
  describe(`memory store: ${name}`, () => {
    const harness = sharedHarness(makeHarness);

    describe('records', () => {
      recordsContract(harness);
    });
    describe('filters', () => {
      filtersContract(harness);
    });
    describe('search', () => {
      searchContract(harness);
    });
    describe('bulk', () => {
      bulkContract(harness);
    });
  });
}
