import { z } from 'zod';
import type { Clock } from '../../../kernel/clock.ts';
import { ERROR_TABLE, type ErrorCode, PolymniaError } from '../../../kernel/errors.ts';
import type { RestClient } from '../rest-client.ts';
import type { HttpCaller } from './http-caller.ts';
import { type LoadUser, userOfKey, userOfService } from './load-user.ts';
import { LOAD_TAG } from './mix.ts';
import { OK } from './recorder.ts';

/** The users of one load. Disposing it removes what the load left on the server, as far as it can. */
export interface LoadParty extends AsyncDisposable {
  readonly users: readonly LoadUser[];
  /** Who they are, for the report. */
  readonly note: string;
}

export interface PartyDeps {
  /** A client for `key`. Its calls must not depend on the load's signal: it also cleans up. */
  client(key: string): RestClient;
  readonly key: string;
  readonly count: number;
  readonly caller: HttpCaller;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (phase: string, done: number, total: number) => void;
}

const whoAmI = z.object({ credential: z.object({ scopes: z.array(z.string()) }) });
const createdUser = z.object({ user: z.object({ id: z.string() }) });
const createdKey = z.object({ secret: z.string() });

/** Calls made at once while users are made and removed: as many as lane admin has permits. */
const AT_ONCE = 4;
/** Rate of the temporary administrator, so that making many users does not take minutes. */
const SETUP_RATE = 1_000_000;
const MEMORY_SCOPES = ['memory:read', 'memory:write'];

/**
 * Turns one key into `count` users. An administrator's key makes temporary users and deletes them afterwards; a service's key
 * acts for users it names `load-1`, `load-2` …; any other key is one user, whose own limits will refuse most of a large load.
 */
export async function gatherUsers(deps: PartyDeps): Promise<LoadParty> {
  const { scopes } = whoAmI.parse(await deps.client(deps.key).call('whoami', {})).credential;
  if (scopes.includes('admin') && scopes.includes('keys:manage')) return temporaryUsers(deps);
  if (scopes.includes('on_behalf')) {
    const users = Array.from({ length: deps.count }, (_, at) => userOfService(deps.key, `load-${at + 1}`, deps.caller));
    return { users, note: `users load-1 to load-${deps.count} of this service`, [Symbol.asyncDispose]: () => forgetLoad(deps, users) };
  }
  const user = userOfKey(deps.key, deps.caller);
  const note = 'one user, whose own rate limit holds for all calls; use an administrator’s or a service’s key for several users';
  return { users: Array.from({ length: deps.count }, () => user), note, [Symbol.asyncDispose]: () => forgetLoad(deps, [user]) };
}

async function temporaryUsers(deps: PartyDeps): Promise<LoadParty> {
  const { count, caller, signal, onProgress } = deps;
  const run = `load-${deps.clock.now().toString(36)}`;
  const owner = deps.client(deps.key);
  const ids: string[] = [];
  const helperId = createdUser.parse(
    await owner.call('create_user', { name: `${run}-setup`, role: 'admin', limits: { rate: { admin: SETUP_RATE } } }),
  ).user.id;
  const party = async (): Promise<readonly LoadUser[]> => {
    const scopes = ['admin', 'keys:manage', ...MEMORY_SCOPES];
    const helper = deps.client(createdKey.parse(await owner.call('create_key', { name: run, userId: helperId, scopes })).secret);
    cleanUp = () => removeUsers(helper, ids, onProgress);
    const users: LoadUser[] = [];
    await inParallel(count, async (at) => {
      signal.throwIfAborted();
      const { id } = createdUser.parse(await helper.call('create_user', { name: `${run}-${at + 1}` })).user;
      ids.push(id);
      const { secret } = createdKey.parse(await helper.call('create_key', { name: run, userId: id, scopes: MEMORY_SCOPES }));
      users.push(userOfKey(secret, caller));
      onProgress('making users', users.length, count);
    });
    return users;
  };
  let cleanUp = async (): Promise<void> => {};
  const dispose = async (): Promise<void> => {
    try {
      await cleanUp();
    } finally {
      await owner.call('delete_user', { userId: helperId });
    }
  };
  try {
    return { users: await party(), note: `${count} temporary users, each with a key of its own`, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function removeUsers(helper: RestClient, ids: readonly string[], onProgress: PartyDeps['onProgress']): Promise<void> {
  let removed = 0;
  await inParallel(ids.length, async (at) => {
    await helper.call('delete_user', { userId: ids[at] });
    onProgress('removing users', ++removed, ids.length);
  });
}

/** Takes the load's own memories out of users that stay. */
async function forgetLoad({ caller, onProgress }: PartyDeps, users: readonly LoadUser[]): Promise<void> {
  const body = JSON.stringify({ tagsAny: [LOAD_TAG] });
  const failures: string[] = [];
  let done = 0;
  await inParallel(users.length, async (at) => {
    const user = users[at];
    if (user === undefined) return;
    const request = { method: 'POST', path: '/api/v1/memories/forget', body } as const;
    const outcome = await new Promise<string>((resolve) => caller.call(request, user.headers, resolve));
    if (outcome !== OK) failures.push(outcome);
    onProgress('forgetting what was stored', ++done, users.length);
  });
  const [code = 'internal'] = failures;
  if (failures.length === 0) return;
  const rest = `The memories of ${failures.length} of ${users.length} users of this load are still there (${code}); forget those tagged ${LOAD_TAG}.`;
  throw new PolymniaError(isErrorCode(code) ? code : 'upstream_failed', rest);
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_TABLE, code);
}

/** Runs `work` for 0 … count-1, a few at once; the first failure ends it once those running have ended. */
async function inParallel(count: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  let failed = false;
  const line = async (): Promise<void> => {
    while (next < count && !failed) {
      try {
        await work(next++);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const lines = await Promise.allSettled(Array.from({ length: Math.min(AT_ONCE, count) }, line));
  const failure = lines.find((settled) => settled.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
