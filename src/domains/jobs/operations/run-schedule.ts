import { z } from 'zod';
import { orAbort } from '../../../kernel/abort.ts';
import { defineOperation } from '../../../kernel/operation.ts';
import { scheduleNameField } from '../inputs.ts';
import type { Scheduler } from '../scheduler.ts';

export const runSchedule = defineOperation<Scheduler>()({
  name: 'run_schedule',
  title: 'Run a scheduled task now',
  description: 'Runs it beside its times, also while it is paused, and answers with how it went. One that runs already is waited for.',
  input: z.strictObject({ name: scheduleNameField }),
  output: z.object({ name: z.string(), outcome: z.string() }),
  effect: 'write',
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'POST', path: '/admin/schedules/{name}/run' },
  hiddenFromModels: true,
  run: async (scheduler, { name }, ctx) => ({ name, outcome: await orAbort(scheduler.runNow(name), ctx.signal) }),
});
