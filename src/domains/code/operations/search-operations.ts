import { type AnyOperation, bindOperation, type BoundOperation } from '../../../kernel/operation.ts';
import type { CodeSearch } from '../searching.ts';
import { findSymbolOperation } from './find-symbol.ts';
import { readCodeOperation } from './read-code.ts';
import { searchCodeOperation } from './search-code.ts';

/** Operations that read code, as declared. */
export const codeSearchOperations: readonly AnyOperation<CodeSearch>[] = [searchCodeOperation, findSymbolOperation, readCodeOperation];

/** The operations bound to their service, as gate and surfaces use them. */
export function bindCodeSearchOperations(service: CodeSearch): readonly BoundOperation[] {
  return codeSearchOperations.map((operation) => bindOperation(operation, service));
}
