import { once } from 'node:events';
import { z } from 'zod';
import { ERROR_TABLE, type ErrorCode, PolymniaError } from '../../kernel/errors.ts';
import { type BoundOperation, bindOperation, defineOperation } from '../../kernel/operation.ts';

/** What `wait_in_steps` tells the test that runs it. */
export interface StepEvents {
  started(): void;
  stopped(): void;
}

const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(ERROR_TABLE, text);
const CODES = Object.keys(ERROR_TABLE).filter(isErrorCode);

const echo = defineOperation<StepEvents>()({
  name: 'echo_text',
  title: 'Echo a text',
  description: 'Answers with the text it was given and the name of who asked.',
  input: z.object({ text: z.string().max(10_000).describe('What to send back.'), times: z.int().min(1).max(100).default(1) }),
  output: z.object({ text: z.string(), user: z.string(), times: z.int(), note: z.string().optional() }),
  effect: 'read',
  lane: 'memory',
  scope: 'memory:read',
  target: { kind: 'none' },
  http: { method: 'POST', path: '/echo' },
  run: async (_events, input, ctx) => ({ text: input.text, user: ctx.caller.name, times: input.times }),
});

const fail = defineOperation<StepEvents>()({
  name: 'fail_with',
  title: 'Fail with a code',
  description: 'Fails with the given error code.',
  input: z.object({ code: z.enum(CODES) }),
  output: z.object({ never: z.literal(true) }),
  effect: 'destructive',
  lane: 'memory',
  scope: null,
  target: { kind: 'none' },
  http: { method: 'POST', path: '/fail' },
  run: async (_events, input) => {
    throw new PolymniaError(input.code, `Failed with ${input.code}, as asked.`, { details: { asked: input.code }, retryAfterMs: 1200 });
  },
});

const wait = defineOperation<StepEvents>()({
  name: 'wait_in_steps',
  title: 'Wait in steps',
  description: 'Reports its steps, then either ends or waits until it is cancelled.',
  input: z.object({ steps: z.int().min(0).max(1000), untilCancelled: z.boolean().default(false) }),
  output: z.object({ steps: z.int() }),
  effect: 'write',
  idempotent: true,
  lane: 'memory',
  scope: null,
  target: { kind: 'none' },
  http: { method: 'POST', path: '/wait' },
  run: async (events, input, ctx) => {
    for (let step = 1; step <= input.steps; step++) ctx.progress({ phase: 'step', done: step, total: input.steps, unit: 'steps' });
    events.started();
    if (input.untilCancelled) {
      if (!ctx.signal.aborted) await once(ctx.signal, 'abort');
      events.stopped();
      throw new PolymniaError('cancelled', 'The call was cancelled.');
    }
    return { steps: input.steps };
  },
});

const hidden = defineOperation<StepEvents>()({ ...echo, name: 'hidden_from_models', hiddenFromModels: true });

/** Small operations with real schemas: an answer, every failure, progress and cancel, and one no model may see. */
export function sampleOperations(events: StepEvents = { started() {}, stopped() {} }): readonly BoundOperation[] {
  return [bindOperation(echo, events), bindOperation(fail, events), bindOperation(wait, events), bindOperation(hidden, events)];
}
