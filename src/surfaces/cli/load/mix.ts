import { PolymniaError } from '../../../kernel/errors.ts';
import type { TextSource } from './texts.ts';

/** One HTTP request of a load, without credentials. */
export interface WireRequest {
  readonly method: 'GET' | 'POST';
  /** With query. */
  readonly path: string;
  /** JSON text. */
  readonly body?: string;
}

const API = '/api/v1';
/** Marks what a load stores, so that it can be taken away again. */
export const LOAD_TAG = 'polymnia-load';

/** What a load can ask for, and how a request for it is made. */
export const LOAD_OPERATIONS = {
  retrieve: (texts: TextSource): WireRequest => post(`${API}/memories/retrieve`, { query: texts.query(), limit: 10 }),
  store: (texts: TextSource): WireRequest => post(`${API}/memories`, { content: texts.memory(), tags: [LOAD_TAG] }),
  search: (): WireRequest => ({ method: 'GET', path: `${API}/memories?limit=10` }),
} as const;

export type LoadOperation = keyof typeof LOAD_OPERATIONS;
export const LOAD_OPERATION_NAMES = Object.keys(LOAD_OPERATIONS) as readonly LoadOperation[];

/** Operations with the share of all calls each gets; the shares sum to 1. */
export type Mix = readonly { readonly operation: LoadOperation; readonly share: number }[];

export const DEFAULT_MIX = 'retrieve=70,store=30';

function post(path: string, body: object): WireRequest {
  return { method: 'POST', path, body: JSON.stringify(body) };
}

/** `retrieve=70,store=30` → shares of 0.7 and 0.3. Throws `invalid_input` saying what can be named. */
export function parseMix(text: string): Mix {
  const weights = text.split(',').map(parseWeight);
  const total = weights.reduce((sum, { weight }) => sum + weight, 0);
  if (total <= 0) throw new PolymniaError('invalid_input', `The mix "${text}" asks for nothing; give at least one weight above 0.`);
  if (new Set(weights.map(({ operation }) => operation)).size < weights.length) {
    throw new PolymniaError('invalid_input', `The mix "${text}" names an operation twice.`);
  }
  return weights.map(({ operation, weight }) => ({ operation, share: weight / total }));
}

function parseWeight(part: string): { readonly operation: LoadOperation; readonly weight: number } {
  const [name = '', number = '', ...rest] = part.split('=').map((piece) => piece.trim());
  const operation = LOAD_OPERATION_NAMES.find((known) => known === name);
  if (operation === undefined || rest.length > 0 || !/^\d+(\.\d+)?$/.test(number)) {
    throw new PolymniaError(
      'invalid_input',
      `"${part.trim()}" is no part of a mix; write ${DEFAULT_MIX}, with any of ${LOAD_OPERATION_NAMES.join(', ')}.`,
    );
  }
  return { operation, weight: Number(number) };
}

/** Picks an operation by a number in [0, 1). */
export function pickOperation(mix: Mix, value: number): LoadOperation {
  let left = value;
  for (const { operation, share } of mix) {
    left -= share;
    if (left < 0) return operation;
  }
  return mix.findLast(({ share }) => share > 0)?.operation ?? 'retrieve';
}
