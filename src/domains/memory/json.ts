import { createHash } from 'node:crypto';
import type { Json } from './model.ts';

/** How deep a value may be nested, and the bytes it should have at most as JSON. */
export interface JsonLimits {
  readonly depth: number;
  readonly bytes: number;
}

/**
 * A JSON value with every text well-formed, or a sentence that says why it is none. Gives up a value that is certainly above
 * twice `limits.bytes` before it has walked it; the exact size is for whoever writes it as JSON.
 */
export function toJson(
  value: unknown,
  limits: JsonLimits,
): { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly problem: string } {
  try {
    return { ok: true, value: normalise(value, limits.depth, new Budget(limits.bytes)) };
  } catch (error) {
    if (error instanceof NotJson) return { ok: false, problem: error.message };
    throw error;
  }
}

class NotJson extends Error {}

/** Counts what JSON text has at least: a character is one byte or more. */
class Budget {
  readonly #limit: number;
  #left: number;

  constructor(limit: number) {
    this.#limit = limit;
    this.#left = 2 * limit;
  }

  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw new NotJson(`is far larger than the ${this.#limit} bytes it may have as JSON`);
  }
}

/** Own entries are defined, never assigned, so that a field named `__proto__` stays a field. */
function normalise(value: unknown, depth: number, budget: Budget): Json {
  budget.spend(typeof value === 'string' ? value.length + 2 : 1);
  if (typeof value === 'string') return value.toWellFormed();
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new NotJson('holds a number that JSON cannot express');
    return value;
  }
  if (typeof value !== 'object') throw new NotJson(`holds a value of type ${typeof value}, which JSON cannot express`);
  if (depth === 0) throw new NotJson('is nested too deeply');
  if (Array.isArray(value)) return value.map((item) => normalise(item, depth - 1, budget));
  const fields: [string, Json][] = [];
  for (const key of Object.keys(value)) {
    const item: unknown = Reflect.get(value, key);
    if (item === undefined) continue;
    budget.spend(key.length + 3);
    fields.push([key.toWellFormed(), normalise(item, depth - 1, budget)]);
  }
  return Object.fromEntries(fields);
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
