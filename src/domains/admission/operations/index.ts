import { type AnyOperation, bindOperation, type BoundOperation } from '../../../kernel/operation.ts';
import type { Insight } from '../insight.ts';
import { showLanes } from './show-lanes.ts';
import { showLocks } from './show-locks.ts';
import { showUsage } from './show-usage.ts';

/** All operations of this domain, as declared. */
export const admissionOperations: readonly AnyOperation<Insight>[] = [showLanes, showUsage, showLocks];

/** The same, bound to what they look into. */
export function bindAdmissionOperations(insight: Insight): BoundOperation[] {
  return admissionOperations.map((operation) => bindOperation(operation, insight));
}
