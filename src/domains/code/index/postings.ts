import { PolymniaError } from '../../../kernel/errors.ts';

/**
 * Lists of ids as bytes. An id is a whole number from 0 up to 2³¹ − 1; a list rises strictly. Each id is kept as its distance from the
 * one before (the first from 0), seven bits a byte, lowest first, the highest bit saying that more follow. In a weighted list the
 * distance is doubled, and its lowest bit says that the weight is 1; any other weight (up to 2³² − 1) follows as a number of its own.
 */
export function encodeIds(ids: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array(ids.length * MAX_VARINT);
  let at = 0;
  let before = 0;
  for (let index = 0; index < ids.length; index++) {
    const id = risingId(ids, index, before);
    at = putVarint(out, at, id - before);
    before = id;
  }
  return out.slice(0, at);
}

/** The ids of {@link encodeIds}. Bytes that no list was encoded to answer with other ids, never with an error or an endless loop. */
export function decodeIds(blob: Uint8Array): Uint32Array {
  const ids = new Uint32Array(countVarints(blob));
  let at = 0;
  let id = 0;
  for (let index = 0; index < ids.length; index++) {
    let byte = blob[at++] ?? 0;
    let distance = byte & 127;
    for (let shift = 7; byte > 127; shift += 7) {
      byte = blob[at++] ?? 0;
      distance |= (byte & 127) << shift;
    }
    id += distance >>> 0;
    ids[index] = id;
  }
  return ids;
}

/** Ids with a weight each; `weights` is as long as `ids`, and none is 0. */
export function encodeWeighted(ids: ArrayLike<number>, weights: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array(ids.length * 2 * MAX_VARINT);
  let at = 0;
  let before = 0;
  for (let index = 0; index < ids.length; index++) {
    const id = risingId(ids, index, before);
    at = putWeighted(out, at, id - before, weights[index] ?? 1);
    before = id;
  }
  return out.slice(0, at);
}

/** The ids and weights of {@link encodeWeighted}. */
export function decodeWeighted(blob: Uint8Array): { ids: Uint32Array; weights: Uint32Array } {
  const most = countVarints(blob);
  const ids = new Uint32Array(most);
  const weights = new Uint32Array(most);
  const end = blob.length;
  let count = 0;
  let id = 0;
  for (let at = 0; at < end; count++) {
    let byte = blob[at++] ?? 0;
    let first = byte & 127;
    for (let shift = 7; byte > 127; shift += 7) {
      byte = blob[at++] ?? 0;
      first |= (byte & 127) << shift;
    }
    id += first >>> 1;
    let weight = 1;
    if ((first & 1) === 0) {
      byte = blob[at++] ?? 0;
      weight = byte & 127;
      for (let shift = 7; byte > 127; shift += 7) {
        byte = blob[at++] ?? 0;
        weight |= (byte & 127) << shift;
      }
    }
    ids[count] = id;
    weights[count] = weight;
  }
  return { ids: ids.subarray(0, count), weights: weights.subarray(0, count) };
}

/** A number below 2³² takes at most so many bytes. */
const MAX_VARINT = 5;

/** Writes one number below 2³² and answers where the next one goes. */
function putVarint(out: Uint8Array, at: number, value: number): number {
  let rest = value >>> 0;
  let next = at;
  while (rest > 127) {
    out[next++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  out[next++] = rest;
  return next;
}

/** Writes one entry of a weighted list: the distance from the id before, and its weight. */
function putWeighted(out: Uint8Array, at: number, distance: number, weight: number): number {
  if (weight === 1) return putVarint(out, at, distance * 2 + 1);
  return putVarint(out, putVarint(out, at, distance * 2), weight);
}

const MAX_ID = 2 ** 31 - 1;

function risingId(ids: ArrayLike<number>, index: number, before: number): number {
  const id = ids[index] ?? -1;
  const rises = index === 0 ? id >= 0 : id > before;
  if (rises && id <= MAX_ID) return id;
  throw new PolymniaError('internal', `Ids of a list must rise strictly from 0 to ${MAX_ID}; ${id} came after ${before}.`);
}

function countVarints(blob: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < blob.length; at++) if ((blob[at] ?? 0) < 128) count++;
  return count;
}
