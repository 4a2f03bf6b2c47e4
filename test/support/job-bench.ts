import { z } from 'zod';
import { defineJobOperation } from '../../src/domains/jobs/index.ts';
import { orAbort } from '../../src/kernel/abort.ts';
import { bindOperation, type BoundOperation, type JobLane, type OperationContext } from '../../src/kernel/operation.ts';

/** What a run of a test's job was given. */
export interface BenchRun {
  readonly name: string;
  readonly user: string;
  readonly ctx: OperationContext;
}

type BenchWork = (input: { readonly name: string; readonly amount: number }, ctx: OperationContext) => Promise<Record<string, unknown>>;

/**
 * A job operation whose runs do what a test says. Each run is held at a barrier of its name until `release`; without one it
 * ends at once.
 */
export class JobBench {
  readonly runs: BenchRun[] = [];
  readonly #held = new Map<string, PromiseWithResolvers<void>>();
  readonly #begun = new Map<string, PromiseWithResolvers<OperationContext>>();
  /** What a run does beside being held. */
  work: BenchWork = async ({ name, amount }) => ({ made: `${name} ${amount}` });

  /** Runs of this name wait until they are released. */
  hold(name: string): void {
    this.#held.set(name, Promise.withResolvers());
  }

  release(name: string): void {
    this.#held.get(name)?.resolve();
    this.#held.delete(name);
  }

  /** Resolves with the context of the next, or the last, run of this name. */
  begun(name: string): Promise<OperationContext> {
    return this.#first(name).promise;
  }

  /** Forget the runs of this name that have begun. */
  again(name: string): void {
    this.#begun.delete(name);
  }

  operation(lane: JobLane = 'sync', name = 'do_job'): BoundOperation {
    return bindOperation(declared(lane, name), this);
  }

  async run(input: { readonly name: string; readonly amount: number }, ctx: OperationContext): Promise<Record<string, unknown>> {
    const { name } = input;
    this.runs.push({ name, user: ctx.caller.userId, ctx });
    this.#first(name).resolve(ctx);
    const held = this.#held.get(name);
    if (held !== undefined) await orAbort(held.promise, ctx.signal);
    return this.work(input, ctx);
  }

  #first(name: string): PromiseWithResolvers<OperationContext> {
    const kept = this.#begun.get(name) ?? Promise.withResolvers<OperationContext>();
    this.#begun.set(name, kept);
    return kept;
  }
}

function declared(lane: JobLane, name: string) {
  return defineJobOperation<JobBench>()({
    name,
    title: 'Do a job',
    description: 'Does what the test says.',
    input: z.strictObject({
      name: z.string().max(100),
      amount: z.int().default(1),
      unique: z.string().optional(),
      space: z.string().optional(),
    }),
    output: z.object({ made: z.string(), partial: z.boolean().optional() }),
    effect: 'write',
    lane,
    scope: 'memory:write',
    target: { kind: 'space', role: 'editor' },
    http: { method: 'POST', path: `/test/${name}` },
    job: {
      uniqueKey: ({ unique }) => unique,
      subject: ({ name: subject }) => subject,
      estimate: 100,
      isPartial: (output) => (output as { partial?: boolean }).partial === true,
    },
    run: (bench, input, ctx) => bench.run(input, ctx) as Promise<{ made: string }>,
  });
}
