/** A JSON-RPC request id. */
export type RpcId = string | number;

/** What the bridge must know of a message it passes on; everything else in it is left as it came. */
export interface RpcMessage {
  readonly id?: RpcId;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** JSON-RPC 2.0 error codes used by the bridge; the last is of the range left to implementations. */
export const RPC_ERROR = { parse: -32700, invalidRequest: -32600, server: -32000 } as const;

/** Reads a parsed JSON value as a message; undefined when it is no object. Fields of a wrong type count as absent. */
export function toRpcMessage(value: unknown): RpcMessage | undefined {
  if (!isRecord(value)) return undefined;
  const { id, method, params, result, error } = value;
  return {
    ...(isRpcId(id) ? { id } : {}),
    ...(typeof method === 'string' ? { method } : {}),
    ...(isRecord(params) ? { params } : {}),
    ...(result === undefined ? {} : { result }),
    ...(error === undefined ? {} : { error }),
  };
}

/** An error answer as one line of JSON; `id` null when the request's own could not be read. */
export function rpcErrorLine(id: RpcId | null, code: number, message: string, data?: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code, message, ...(data === undefined ? {} : { data }) } });
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isRpcId(value: unknown): value is RpcId {
  return typeof value === 'string' || typeof value === 'number';
}
