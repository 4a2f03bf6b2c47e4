import { z } from 'zod';
import type { ErrorCode } from '../../kernel/errors.ts';
import type { ChildMessage } from './protocol.ts';

const cause = z.object({ name: z.string(), message: z.string(), stack: z.string().exactOptional() });
const failure = z.object({
  // Looked up in the table when the error is made again.
  code: z.string().transform((code) => code as ErrorCode),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).exactOptional(),
  retryAfterMs: z.number().exactOptional(),
  cause: cause.exactOptional(),
});
const cpuMs = z.number().nonnegative();
const message = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('events'), events: z.array(z.unknown()) }),
  z.object({ kind: z.literal('done'), result: z.unknown().optional(), cpuMs }),
  z.object({ kind: z.literal('failed'), failure, cpuMs }),
]);

/** What a child has sent, or undefined when it is no message of ours: a child that foreign input has taken over may send anything. */
export function readMessage(value: unknown): ChildMessage | undefined {
  return message.safeParse(value).data;
}
