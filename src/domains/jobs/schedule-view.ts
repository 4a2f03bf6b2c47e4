import { z } from 'zod';
import type { Schedule } from './scheduler.ts';

const time = z.iso.datetime();

export const scheduleView = z.object({
  name: z.string(),
  description: z.string(),
  pattern: z.string().describe('Cron pattern, five fields, UTC'),
  owner: z.literal('server'),
  paused: z.boolean(),
  running: z.boolean(),
  nextAt: time.optional(),
  lastRunAt: time.optional(),
  lastOutcome: z.string().optional(),
});

const iso = (ms: number): string => new Date(ms).toISOString();

export function viewSchedule({ nextAt, lastRunAt, ...schedule }: Schedule): z.output<typeof scheduleView> {
  return {
    ...schedule,
    owner: 'server',
    ...(nextAt === undefined ? {} : { nextAt: iso(nextAt) }),
    ...(lastRunAt === undefined ? {} : { lastRunAt: iso(lastRunAt) }),
  };
}
