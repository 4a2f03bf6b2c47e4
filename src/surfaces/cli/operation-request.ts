import { PolymniaError } from '../../kernel/errors.ts';
import type { HttpMethod, OperationDeclaration } from '../../kernel/operation.ts';

/** Every operation's address begins so. */
const API_PREFIX = '/api/v1';

/** What an operation needs to be asked for over HTTP. */
export type RequestShape = Pick<OperationDeclaration, 'name' | 'http'>;

/** One HTTP request of an operation, relative to the server's base URL. */
export interface OperationRequest {
  readonly method: HttpMethod;
  /** Path and query. */
  readonly target: string;
  /** JSON text, for methods that take a body. */
  readonly body?: string;
}

/**
 * How an operation is asked for: fields named in its path go there; of the rest, GET and raw uploads send the query (lists by
 * repetition), others a JSON body. Throws `invalid_input` when a field of the path is missing.
 */
export function operationRequest(operation: RequestShape, input: Readonly<Record<string, unknown>>, isUpload = false): OperationRequest {
  const { method, path } = operation.http;
  const used = new Set<string>();
  const filled = path.replaceAll(/\{(\w+)\}/g, (_match, name: string) => {
    used.add(name);
    const value = input[name];
    // "." and ".." would be taken for steps of the path, whatever their encoding.
    if (value === undefined || value === '' || value === '.' || value === '..')
      throw new PolymniaError('invalid_input', `${operation.name} needs "${name}", such as an id another answer gave.`);
    return encodeURIComponent(textOf(value));
  });
  const base = filled.startsWith('/api/') ? filled : API_PREFIX + filled;
  const rest = Object.entries(input).filter(([name, value]) => !used.has(name) && value !== undefined);
  if (method !== 'GET' && !isUpload) return { method, target: base, body: JSON.stringify(Object.fromEntries(rest)) };
  const query = queryOf(rest);
  return { method, target: query === '' ? base : `${base}?${query}` };
}

function queryOf(fields: readonly (readonly [string, unknown])[]): string {
  const query = new URLSearchParams();
  for (const [name, value] of fields) for (const item of Array.isArray(value) ? value : [value]) query.append(name, textOf(item));
  return query.toString();
}

function textOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
