import { z } from 'zod';
import type { HistogramDump } from '../../src/surfaces/cli/load/latency-histogram.ts';

/** For whom a chat process talks. */
export const chatPlan = z.object({
  url: z.string(),
  /** People take turns with them: with fewer keys than people, some are one user in several conversations. */
  keys: z.array(z.string()).min(1),
  seed: z.number(),
  /** From an answer to the next question, in ms: anything from the least to the most. */
  pauseMs: z.tuple([z.number(), z.number()]),
});
export type ChatPlan = z.output<typeof chatPlan>;

/** Asked of a chat process, in order; each is answered. */
export const chatCommand = z.union([
  /** So many people talk with this model from now on; those who are new begin spread over `overMs`. */
  z.object({ do: z.literal('talk'), people: z.number(), model: z.string(), overMs: z.number() }),
  /** All hang up, whatever they are being told. */
  z.object({ do: z.literal('stop') }),
  /** Count what comes from now on under this name; empty = nowhere. */
  z.object({ do: z.literal('record'), name: z.string() }),
  z.object({ do: z.literal('collect') }),
]);
export type ChatCommand = z.output<typeof chatCommand>;

/** What was counted under one name, as plain values. Times in ms. */
export interface ChatCounts {
  readonly name: string;
  readonly seconds: number;
  /** From the question to the first token, less what the model took. */
  readonly addedFirst: HistogramDump;
  /** From the model's sending a token to its being read here. */
  readonly addedToken: HistogramDump;
  readonly answers: number;
  /** Answers that took more than 1.05 times as long as the model took for them. */
  readonly behind: number;
  /** Answers that did not come or were not whole, by what went wrong. */
  readonly failures: Readonly<Record<string, number>>;
  /** How late this process was at work that was due. */
  readonly lateness: HistogramDump;
}

export interface ChatAnswer {
  readonly counted?: readonly ChatCounts[];
}
