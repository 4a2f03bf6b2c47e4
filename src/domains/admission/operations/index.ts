import { type AnyOperation, bindOperation, type BoundOperation } from '../../../kernel/operation.ts';
import type { ServerControl } from '../server-control.ts';
import { createBackup } from './create-backup.ts';
import { showLanes } from './show-lanes.ts';
import { showLocks } from './show-locks.ts';
import { showUsage } from './show-usage.ts';

/** All operations of this domain, as declared. */
export const admissionOperations: readonly AnyOperation<ServerControl>[] = [showLanes, showUsage, showLocks, createBackup];

/** The same, bound to what they look into. */
export function bindAdmissionOperations(control: ServerControl): BoundOperation[] {
  return admissionOperations.map((operation) => bindOperation(operation, control));
}
