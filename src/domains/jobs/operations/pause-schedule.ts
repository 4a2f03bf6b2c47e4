import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { scheduleNameField } from '../inputs.ts';
import type { Scheduler } from '../scheduler.ts';

export const pauseSchedule = defineOperation<Scheduler>()({
  name: 'pause_schedule',
  title: 'Pause a scheduled task, or let it go on',
  description: 'A paused task passes over its times; it stays paused over restarts.',
  input: z.strictObject({ name: scheduleNameField, paused: z.boolean().default(true).describe('False lets it go on') }),
  output: z.object({ name: z.string(), paused: z.boolean() }),
  effect: 'write',
  idempotent: true,
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'POST', path: '/admin/schedules/{name}/pause' },
  hiddenFromModels: true,
  async run(scheduler, { name, paused }) {
    await scheduler.setPaused(name, paused);
    return { name, paused };
  },
});
