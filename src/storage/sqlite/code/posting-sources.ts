import { decodeIds } from '../../../domains/code/index/postings.ts';
import { trigramsOf } from '../../../domains/code/index/trigrams.ts';
import type { TextQuery } from '../../../domains/code/search/text-query.ts';
import type { Alive, SegmentReader } from './generation-reader.ts';

/** Of one literal so many trigrams are intersected, the rarest: more seldom leave out anything further. */
const MAX_TRIGRAMS = 8;

/** The length is in the row's head: no byte of the postings is read for it. */
const LENGTH = 'select length(postings) from trigram where code = ?';
const POSTINGS = 'select postings from trigram where code = ?';

/** Locals of a segment that may hold what the query asks for, rising; undefined = every one of them may. Dead ones are not left out. */
export function candidateLocals(segment: SegmentReader, query: TextQuery, alive: Alive): Uint32Array | undefined {
  alive();
  switch (query.kind) {
    case 'any':
      return undefined;
    case 'literal':
      return literalLocals(segment, query.text, alive);
    case 'and':
      return query.parts.map((part) => candidateLocals(segment, part, alive)).reduce(both, undefined);
    case 'or': {
      let all: Uint32Array | undefined = new Uint32Array(0);
      for (const part of query.parts) all = either(all, candidateLocals(segment, part, alive));
      return all;
    }
  }
}

function literalLocals({ text }: SegmentReader, literal: string, alive: Alive): Uint32Array | undefined {
  const counted: { readonly code: number; readonly bytes: number }[] = [];
  for (const code of trigramsOf(Buffer.from(literal))) {
    const [bytes] = text.first(LENGTH, code) ?? [];
    if (typeof bytes !== 'number') return new Uint32Array(0);
    counted.push({ code, bytes });
  }
  let found: Uint32Array | undefined;
  for (const { code, bytes } of counted.toSorted((a, b) => a.bytes - b.bytes).slice(0, MAX_TRIGRAMS)) {
    alive();
    // Reading a long list to leave out few of a short one costs more than looking at those few.
    if (found !== undefined && bytes > found.length * 200) break;
    const [postings] = text.first(POSTINGS, code) ?? [];
    found = both(found, postings instanceof Uint8Array ? decodeIds(postings) : new Uint32Array(0));
  }
  return found;
}

function both(a: Uint32Array | undefined, b: Uint32Array | undefined): Uint32Array | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const common = new Uint32Array(Math.min(a.length, b.length));
  let count = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const left = a[i] ?? 0;
    const right = b[j] ?? 0;
    if (left === right) common[count++] = left;
    if (left <= right) i += 1;
    if (right <= left) j += 1;
  }
  return common.subarray(0, count);
}

function either(a: Uint32Array | undefined, b: Uint32Array | undefined): Uint32Array | undefined {
  if (a === undefined || b === undefined) return undefined;
  const all = new Uint32Array(a.length + b.length);
  let count = 0;
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    const left = a[i] ?? Infinity;
    const right = b[j] ?? Infinity;
    all[count++] = Math.min(left, right);
    if (left <= right) i += 1;
    if (right <= left) j += 1;
  }
  return all.subarray(0, count);
}
