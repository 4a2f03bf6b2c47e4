import { createHash } from 'node:crypto';
import { z } from 'zod';
import { PolymniaError } from '../../../kernel/errors.ts';
import { parseJson } from '../../../kernel/parse-json.ts';
import type { EdgePosition } from './edge-scan.ts';
import type { GetAnalysisInput } from './inputs.ts';

/** Where a page of edges ended. It goes on in the analysis it began in, also when there is a newer one. */
export interface EdgeCursor {
  readonly analysis: string;
  readonly position: EdgePosition;
}

const whole = z.int().min(0);
const payload = z.object({ h: z.string(), a: z.string(), s: whole, b: whole.optional(), e: whole });

/** Opaque text, good only for the same edges. It carries no right. */
export function writeEdgeCursor(input: GetAnalysisInput, { analysis, position: { scan, block, edge } }: EdgeCursor): string {
  return Buffer.from(JSON.stringify({ h: binding(input), a: analysis, s: scan, b: block, e: edge })).toString('base64url');
}

/** Undefined without one; rejects with `invalid_input` a cursor of other edges. */
export function readEdgeCursor(input: GetAnalysisInput): EdgeCursor | undefined {
  if (input.cursor === undefined) return undefined;
  const { data } = payload.safeParse(parseJson(Buffer.from(input.cursor, 'base64url').toString('utf8')));
  const isOurs = data !== undefined && data.h === binding(input) && (input.analysis ?? data.a) === data.a;
  if (isOurs) return { analysis: data.a, position: { scan: data.s, block: data.b, edge: data.e } };
  throw new PolymniaError('invalid_input', 'cursor: it does not belong to these edges. Repeat the call it came from, or start without it.', {
    details: { field: 'cursor' },
  });
}

function binding({ repository, path, direction }: GetAnalysisInput): string {
  return createHash('sha256')
    .update(JSON.stringify([repository, path, direction]))
    .digest('base64url')
    .slice(0, 12);
}
