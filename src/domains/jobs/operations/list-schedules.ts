import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import type { Scheduler } from '../scheduler.ts';
import { scheduleView, viewSchedule } from '../schedule-view.ts';

export const listSchedules = defineOperation<Scheduler>()({
  name: 'list_schedules',
  title: 'List scheduled tasks',
  description: 'What the server does by itself again and again, when, and how it went last.',
  input: z.strictObject({}),
  output: z.object({ schedules: z.array(scheduleView) }),
  effect: 'read',
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'GET', path: '/admin/schedules' },
  hiddenFromModels: true,
  run: async (scheduler) => ({ schedules: (await scheduler.list()).map(viewSchedule) }),
});
