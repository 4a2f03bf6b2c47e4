import { z } from 'zod';
import { defineOperation, JOB_LANES } from '../../../kernel/operation.ts';
import { LANE_MODES } from '../model.ts';
import type { JobService } from '../service.ts';

const laneMode = z.object({
  lane: z.enum(JOB_LANES),
  mode: z.enum(LANE_MODES).describe('open; paused: starts no jobs; draining: takes no new ones and starts those that wait'),
});

export const setLaneMode = defineOperation<JobService>()({
  name: 'set_lane_mode',
  title: 'Pause, drain or open a lane of jobs',
  description: 'What runs is left alone. The mode stays over restarts.',
  input: z.strictObject(laneMode.shape),
  output: laneMode,
  effect: 'write',
  idempotent: true,
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'PUT', path: '/admin/lanes/{lane}' },
  hiddenFromModels: true,
  async run({ admin }, { lane, mode }) {
    await admin.setLaneMode(lane, mode);
    return { lane, mode };
  },
});
