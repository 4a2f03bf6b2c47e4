import type { HttpCaller } from './http-caller.ts';

/** One simulated user: a credential, and the connections its calls go through. */
export interface LoadUser {
  readonly headers: Readonly<Record<string, string>>;
  readonly caller: HttpCaller;
}

/** A user who calls with an API key of its own. */
export function userOfKey(key: string, caller: HttpCaller): LoadUser {
  return { headers: { authorization: `Bearer ${key}` }, caller };
}

/** A user a service names and acts for. */
export function userOfService(key: string, externalId: string, caller: HttpCaller): LoadUser {
  return { headers: { authorization: `Bearer ${key}`, 'x-polymnia-user': externalId }, caller };
}
