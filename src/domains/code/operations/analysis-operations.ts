import { type AnyOperation, bindOperation, type BoundOperation } from '../../../kernel/operation.ts';
import type { CodeAnalyses } from '../analysing.ts';
import { batchAnalyzeOperation } from './batch-analyze.ts';
import { getAnalysisOperation } from './get-analysis.ts';

/** Operations that measure code, as declared. */
export const codeAnalysisOperations: readonly AnyOperation<CodeAnalyses>[] = [batchAnalyzeOperation, getAnalysisOperation];

/** The operations bound to their service, as gate and surfaces use them. */
export function bindCodeAnalysisOperations(service: CodeAnalyses): readonly BoundOperation[] {
  return codeAnalysisOperations.map((operation) => bindOperation(operation, service));
}
