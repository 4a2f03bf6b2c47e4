const CALL_LIMIT_MS = 60_000;

/** A JSON call to a running server; throws with the problem's sentence when it is refused. */
export async function rest<T>(
  server: { readonly url: string },
  key: string,
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const limit = AbortSignal.timeout(CALL_LIMIT_MS);
  const response = await fetch(`${server.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
  return JSON.parse(text) as T;
}

/** Options that lift the limits a measurement must not meet. */
export const NO_RATES: Readonly<Record<string, string>> = {
  RATE_LIMIT_MEMORY_PER_MIN: '10000000',
  RATE_LIMIT_BULK_PER_HOUR: '10000000',
  RATE_LIMIT_ADMIN_PER_MIN: '10000000',
  RATE_LIMIT_CHAT_PER_MIN: '10000000',
  CHAT_TOKENS_PER_DAY: '0',
  RATE_LIMIT_SEARCH_PER_MIN: '10000000',
  RATE_LIMIT_SYNC_PER_HOUR: '10000000',
  RATE_LIMIT_BATCH_PER_DAY: '10000000',
};

/** A new user with a key of its own. */
export async function newUser(
  server: { readonly url: string; readonly key: string },
  name: string,
): Promise<{ readonly id: string; readonly key: string }> {
  const { user } = await rest<{ user: { id: string } }>(server, server.key, 'POST', '/users', { name });
  const made = await rest<{ secret: string }>(server, server.key, 'POST', '/keys', {
    userId: user.id,
    name: 'bench',
    scopes: ['memory:read', 'memory:write', 'code:read', 'code:write', 'chat'],
  });
  return { id: user.id, key: made.secret };
}

/** The server's own metrics that have no labels, by name. */
export async function scrape(server: { readonly url: string; readonly key: string }): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.key}` }, signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`metrics: ${response.status}`);
  const lines = (await response.text()).matchAll(/^(\w+) ([\d.e+-]+)$/gm);
  return new Map([...lines].map(([, name = '', value]) => [name, Number(value)]));
}
