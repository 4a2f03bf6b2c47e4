import { admissionOperations } from '../domains/admission/index.ts';
import { codeAnalysisOperations, codeSearchOperations, repositoryOperations } from '../domains/code/index.ts';
import { conversationOperations } from '../domains/conversation/index.ts';
import { identityOperations } from '../domains/identity/index.ts';
import { jobOperations, scheduleOperations } from '../domains/jobs/index.ts';
import { memoryOperations } from '../domains/memory/index.ts';
import { type AnyOperation, declarationOf, type OperationDeclaration } from '../kernel/operation.ts';

function declarationsOf<Service>(declared: readonly AnyOperation<Service>[]): OperationDeclaration[] {
  return declared.map((operation) => declarationOf(operation));
}

/** Every operation there is, as declared, without what it runs on: for the command line and the generated pages. */
export const operations: readonly OperationDeclaration[] = [
  ...declarationsOf(memoryOperations),
  ...declarationsOf(repositoryOperations),
  ...declarationsOf(codeSearchOperations),
  ...declarationsOf(codeAnalysisOperations),
  ...declarationsOf(conversationOperations),
  ...declarationsOf(jobOperations),
  ...declarationsOf(identityOperations),
  ...declarationsOf(admissionOperations),
  ...declarationsOf(scheduleOperations),
];
