import { type AnyOperation, bindOperation, type BoundOperation } from '../../../kernel/operation.ts';
import type { CodeAnalyses } from '../analysing.ts';
import { batchAnalyzeOperation } from './batch-analyze.ts';
import { getAnalysisOperation } from './get-analysis.ts';

/** Operations that measure code, as declared. */
export const codeAnalysisOperations: readonly AnyOperation<CodeAnalyses>[] = [batchAnalyzeOperation, getAnalysisOperation];

/** The operations bound to their service, as gate and surfaces use them. */
export function bindCodeAnalysisOperations(service: CodeAnalyses): readonly BoundOperation[] {
  return codeAnalysisOperations.map((operation) => withSubject(bindOperation(operation, service), service));
}

/** An analysis is listed under the name its repository's syncs have; the input holds the id. */
function withSubject(operation: BoundOperation, service: CodeAnalyses): BoundOperation {
  if (operation.job === undefined) return operation;
  return { ...operation, job: { ...operation.job, subject: (input, { space }) => service.nameOf(String(input['repository']), space) } };
}
