export { bindMemoryOperations, memoryOperations } from './operations/index.ts';
export { fromBasicRows, type ServiceRow } from './import-formats/memory-service.ts';
