import { type AnyOperation, bindOperation, type BoundOperation } from '../../../kernel/operation.ts';
import type { MemoryService } from '../service.ts';
import { deleteMemoryOperation } from './delete-memory.ts';
import { exportMemoriesOperation } from './export-memories.ts';
import { forgetMemoriesOperation } from './forget-memories.ts';
import { getMemoryOperation } from './get-memory.ts';
import { importMemoriesOperation } from './import-memories.ts';
import { listTagsOperation } from './list-tags.ts';
import { memoryStatsOperation } from './memory-stats.ts';
import { retrieveMemoryOperation } from './retrieve-memory.ts';
import { searchMemoryOperation } from './search-memory.ts';
import { storeMemoriesOperation } from './store-memories.ts';
import { storeMemoryOperation } from './store-memory.ts';
import { updateMemoryOperation } from './update-memory.ts';

/** Every memory operation. Literal paths come before `/memories/{id}`, for routers that take the first match. */
export const memoryOperations: readonly AnyOperation<MemoryService>[] = [
  storeMemoryOperation,
  storeMemoriesOperation,
  retrieveMemoryOperation,
  searchMemoryOperation,
  memoryStatsOperation,
  exportMemoriesOperation,
  importMemoriesOperation,
  forgetMemoriesOperation,
  listTagsOperation,
  getMemoryOperation,
  updateMemoryOperation,
  deleteMemoryOperation,
];

/** The operations bound to their service, as gate and surfaces use them. */
export function bindMemoryOperations(service: MemoryService): readonly BoundOperation[] {
  return memoryOperations.map((operation) => bindOperation(operation, service));
}
