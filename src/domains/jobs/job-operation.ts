import { z } from 'zod';
import type { AnyOperation, JobRules, Operation } from '../../kernel/operation.ts';
import { jobView } from './views.ts';

/** Longest wait that can be named in seconds; beyond it there is "end". */
const MAX_WAIT_S = 3600;

export const waitField = z
  .union([z.literal('end'), z.coerce.number().min(0).max(MAX_WAIT_S)])
  .describe('How long to wait for the end: seconds, or "end"');

/** The fields every job operation takes beside its own. */
const jobFields = {
  background: z.boolean().default(false).describe('Answer with the job at once; it goes on when nobody waits for it.'),
  wait: waitField.optional(),
};

/** What a caller said about waiting. */
export interface WaitWish {
  readonly background: boolean;
  /** Milliseconds; Infinity = to the end; undefined = nothing was said. */
  readonly waitMs: number | undefined;
}

/** A parsed input apart: what the job keeps, and how its caller wants to wait. */
export function splitJobInput(input: Readonly<Record<string, unknown>>): {
  readonly own: Readonly<Record<string, unknown>>;
  readonly wish: WaitWish;
} {
  const { background, wait, ...own } = input;
  return { own, wish: { background: background === true, waitMs: waitMsOf(wait) } };
}

/** `end` or seconds, in milliseconds. */
export function waitMsOf(wait: unknown): number | undefined {
  if (wait === 'end') return Infinity;
  return typeof wait === 'number' ? wait * 1000 : undefined;
}

type JobDeclaration<Service, Input extends z.ZodObject, Output extends z.ZodObject> = Operation<Service, Input, Output> & {
  readonly job: JobRules<z.output<Input>>;
};

/**
 * Declares an operation that runs as a job. Its input gets `background` and `wait`, its output `job` beside its own fields,
 * which are there once the job has ended. `run` sees the operation's own input alone, with `ctx.job` set.
 */
export function defineJobOperation<Service>() {
  return <Input extends z.ZodObject, Output extends z.ZodObject>(operation: JobDeclaration<Service, Input, Output>): AnyOperation<Service> => ({
    ...(operation as unknown as AnyOperation<Service>),
    input: operation.input.safeExtend(jobFields),
    output: operation.output.partial().extend({ job: jobView.optional().describe('The job that did it, or does') }),
  });
}
