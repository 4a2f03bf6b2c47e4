import { z } from 'zod';
import type { RecorderDump } from '../../src/surfaces/cli/load/recorder.ts';

/** What a load process is to do. */
export const loadPlan = z.object({
  url: z.string(),
  /** One user each. */
  keys: z.array(z.string()).min(1),
  mix: z.string(),
  seed: z.number(),
  maxSockets: z.number(),
  /** Calls fall due at this rate (open loop), or follow each other on so many lines (closed loop). */
  pace: z.union([
    z.object({ callsPerSecondPerUser: z.number(), maxInFlightPerUser: z.number().optional(), maxWaitingPerUser: z.number().optional() }),
    z.object({ lines: z.number(), restMs: z.number() }),
  ]),
});
export type LoadPlan = z.output<typeof loadPlan>;

/** Asked of a load process, in order; each is answered. */
export const loadCommand = z.union([
  z.object({ do: z.literal('start') }),
  z.object({ do: z.literal('stop') }),
  /** Count what falls due from now on under this name; empty = nowhere. */
  z.object({ do: z.literal('record'), name: z.string() }),
  z.object({ do: z.literal('collect') }),
]);
export type LoadCommand = z.output<typeof loadCommand>;

/** What was counted under one name. */
export interface Counted {
  readonly name: string;
  readonly seconds: number;
  readonly dump: RecorderDump;
}

export interface LoadAnswer {
  readonly counted?: readonly Counted[];
  /** CPU the load process has used, in ms. */
  readonly cpuMs: number;
}
