import { createHash } from 'node:crypto';
import type { Json } from './model.ts';

/** A JSON value with every text well-formed, or a sentence that says why it is none. Nested at most `maxDepth` deep. */
export function toJson(
  value: unknown,
  maxDepth: number,
): { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly problem: string } {
  try {
    return { ok: true, value: normalise(value, maxDepth) };
  } catch (error) {
    if (error instanceof NotJson) return { ok: false, problem: error.message };
    throw error;
  }
}

class NotJson extends Error {}

/** Own entries are defined, never assigned, so that a field named `__proto__` stays a field. */
function normalise(value: unknown, depth: number): Json {
  if (typeof value === 'string') return value.toWellFormed();
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new NotJson('holds a number that JSON cannot express');
    return value;
  }
  if (typeof value !== 'object') throw new NotJson(`holds a value of type ${typeof value}, which JSON cannot express`);
  if (depth === 0) throw new NotJson('is nested too deeply');
  if (Array.isArray(value)) return value.map((item) => normalise(item, depth - 1));
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [key.toWellFormed(), normalise(item, depth - 1)]));
}

/** JSON text that is the same for equal values, whatever the order of their fields. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (item === null || typeof item !== 'object' || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** SHA-256 of a value's canonical JSON, in hex. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}
