import { PolymniaError } from '../../kernel/errors.ts';
import { type BoundOperation, JOB_LANES, type JobLane, type Lane, type Principal, type SpaceAccess } from '../../kernel/operation.ts';
import type { RateStanding } from './model.ts';

/** Does this call run as a job? */
export function isJob({ job }: BoundOperation, input: Readonly<Record<string, unknown>>): boolean {
  return job !== undefined && job.asCall?.(input) !== true;
}

export function isJobLane(lane: Lane): lane is JobLane {
  return (JOB_LANES as readonly Lane[]).includes(lane);
}

export function refuseScope(operation: BoundOperation, principal: Principal): void {
  const { scope } = operation;
  if (scope === null || principal.credential.scopes.includes(scope)) return;
  throw new PolymniaError('forbidden', `${operation.name} needs a credential with scope ${scope}.`, { details: { neededScope: scope } });
}

/** A ranked read is one read per space. */
export function spacesCounted({ target }: BoundOperation, spaces: readonly SpaceAccess[]): number {
  return target.kind === 'spaces' ? Math.max(1, spaces.length) : 1;
}

export function withRate<T extends object>(outcome: T, rate: RateStanding | undefined): T & { readonly rate?: RateStanding } {
  return rate === undefined ? outcome : { ...outcome, rate };
}
