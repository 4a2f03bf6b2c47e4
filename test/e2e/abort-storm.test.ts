import { request as httpRequest, Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../src/kernel/seeded-random.ts';
import { eventually, expectIdle, expectNoLeaks, type Resources, resourcesNow } from '../support/leaks.ts';
import { canary, type Citizen, openTown, type Town } from '../support/town.ts';
import { credentials, type Input, restRequest } from '../support/wire.ts';

const CALLS = 10_000;
const IN_FLIGHT = 48;
const USERS = 20;

interface Storyteller extends Citizen {
  /** Stands in everything the user stores and nowhere else. */
  readonly secret: string;
}

let before: Resources;
let town: Town;
let users: readonly Storyteller[];

beforeAll(async () => {
  before = resourcesNow();
  town = await openTown({ sockets: true, settings: { MAX_WAITING_PER_USER: 100 } });
  users = await Promise.all(Array.from({ length: USERS }, (_, n) => storyteller(n)));
});

afterAll(async () => {
  await expectNoLeaks(town.server, before);
  await town[Symbol.asyncDispose]();
});

async function storyteller(n: number): Promise<Storyteller> {
  const citizen = await town.citizen(`user ${n}`);
  const secret = canary();
  await town.done(citizen, 'store_memories', {
    items: Array.from({ length: 5 }, (_, i) => ({ content: `Story ${i} of the sea: ${secret}`, tags: [secret] })),
  });
  return { ...citizen, secret };
}

/** Another user's canary in the text, if there is one. */
function foreign(text: string, own: Storyteller): string | undefined {
  return users.find((user) => user !== own && text.includes(user.secret))?.name;
}

interface Outcome {
  readonly text: string;
  readonly cut: boolean;
}

/** Sends a call and destroys its socket after `cutAfterMs`, wherever the call is by then. */
function callAndCut(
  agent: Agent,
  request: { readonly method: string; readonly path: string; readonly headers: Record<string, string>; readonly body?: string },
  cutAfterMs: number,
): Promise<Outcome> {
  return new Promise((resolve) => {
    let text = '';
    let cut = false;
    const outgoing = httpRequest(town.server.url + request.path, { method: request.method, headers: request.headers, agent });
    const cutting = setTimeout(() => {
      cut = true;
      outgoing.destroy();
    }, cutAfterMs);
    const end = (): void => {
      clearTimeout(cutting);
      resolve({ text, cut });
    };
    outgoing.on('response', (incoming) => {
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => (text += chunk));
      incoming.on('error', () => {});
    });
    // A cut off call ends with an error; `close` comes after it and after the answer alike.
    outgoing.on('error', () => {});
    outgoing.on('close', end);
    outgoing.end(request.body);
  });
}

describe('calls that are cut off', () => {
  it("[P2-abort-storm] leak no byte into anybody else's answers: 10,000 cut at random moments while 20 users look", async () => {
    const random = createSeededRandom(Date.now());
    const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
    const progress = { started: 0 };
    let cutOff = 0;
    let answered = 0;
    let verified = 0;
    const found: string[] = [];

    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    const calls: readonly ((user: Storyteller) => readonly [string, Input])[] = [
      ({ secret }) => ['store_memory', { content: `Cut ${progress.started}: ${secret}`, expiresIn: 3600 }],
      ({ secret }) => ['retrieve_memory', { query: `story sea ${secret}` }],
      () => ['search_memory', { limit: 20 }],
      () => ['list_tags', {}],
      () => ['whoami', {}],
    ];

    const storm = async (): Promise<void> => {
      while (progress.started < CALLS) {
        progress.started += 1;
        const user = pick(users);
        const [name, input] = pick(calls)(user);
        const overMcp = random() < 0.2;
        const rest = restRequest(town.operation(name), input);
        const request = overMcp
          ? {
              method: 'POST',
              path: '/mcp',
              body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: input } }),
            }
          : rest;
        const headers = { ...credentials(user), 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
        const { text, cut } = await callAndCut(agent, { ...request, headers }, random() * 12);
        if (cut) cutOff += 1;
        else answered += 1;
        const leak = foreign(text, user);
        if (leak !== undefined) found.push(`${user.name} saw ${leak}`);
      }
    };
    const verify = async (user: Storyteller): Promise<void> => {
      while (progress.started < CALLS) {
        const answer = await town.rest(user, 'retrieve_memory', { query: `story sea ${user.secret}`, limit: 3 });
        const leak = foreign(answer.text, user);
        if (leak !== undefined) found.push(`${user.name} saw ${leak}`);
        if (!answer.ok || !answer.text.includes(user.secret)) found.push(`${user.name} got ${answer.status}: ${answer.text.slice(0, 200)}`);
        verified += 1;
      }
    };

    await Promise.all([...Array.from({ length: IN_FLIGHT }, storm), ...users.map(verify)]);
    agent.destroy();
    expect(found).toEqual([]);
    expect(cutOff + answered).toBe(CALLS);
    expect(cutOff, `${cutOff} cut, ${answered} answered`).toBeGreaterThan(CALLS / 5);
    expect(verified).toBeGreaterThan(USERS * 5);
  }, 60_000);

  it('[P4-hang-up-frees] leave nothing running or waiting, and the server healthy', async () => {
    await expectIdle(town.server);
    expect(await (await fetch(`${town.server.url}/readyz`)).text()).toBe('yes\n');
    for (const user of users) {
      const stored = await town.exported(user);
      expect(stored.every(({ content }) => String(content).includes(user.secret))).toBe(true);
      const cuts = stored.map(({ content }) => /^Cut (\d+)/.exec(String(content))?.[1]).filter((n) => n !== undefined);
      expect(new Set(cuts).size).toBe(cuts.length);
      // Calls whose bytes were on their way when they were cut may still be read; in the end there is only this one.
      await eventually(async () => {
        const { running, waiting } = (await town.done(user, 'whoami'))['limits'] as { running: number; waiting: number };
        expect({ running, waiting }).toEqual({ running: 1, waiting: 0 });
      });
    }
  });
});
