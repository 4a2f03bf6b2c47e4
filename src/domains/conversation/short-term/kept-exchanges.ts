import { z } from 'zod';
import { parseJson } from '../../../kernel/parse-json.ts';
import type { Exchange } from '../model.ts';

/** How long a conversation is kept after it was written. */
export const SHORT_TERM_MS = 3_600_000;
/** Most that is kept of one conversation: bytes of {@link encodeExchanges} in UTF-8. */
export const MAX_KEPT_BYTES = 256 * 1024;

const keptSchema = z.array(
  z.object({
    turn: z.int().min(1),
    user: z.string(),
    assistant: z.string(),
    steps: z.array(z.object({ call: z.object({ id: z.string(), name: z.string(), arguments: z.string() }), result: z.string() })),
  }),
);

/** The newest exchanges that fit, as JSON. Undefined when there is nothing to keep: no exchange, or a newest one that is too large by itself. */
export function encodeExchanges(exchanges: readonly Exchange[]): string | undefined {
  const newestFirst: string[] = [];
  // Brackets and commas: one byte before each exchange and one at the end.
  let bytes = 1;
  for (let at = exchanges.length - 1; at >= 0; at--) {
    const text = JSON.stringify(exchanges[at]);
    bytes += 1 + Buffer.byteLength(text);
    if (bytes > MAX_KEPT_BYTES) break;
    newestFirst.push(text);
  }
  return newestFirst.length === 0 ? undefined : `[${newestFirst.reverse().join(',')}]`;
}

/** The inverse of {@link encodeExchanges}; undefined for text of any other shape. */
export function decodeExchanges(text: string): readonly Exchange[] | undefined {
  return keptSchema.safeParse(parseJson(text)).data;
}
