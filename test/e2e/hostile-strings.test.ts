import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPinoLogger } from '../../src/app/pino-logger.ts';
import { hostileStrings } from '../support/hostile.ts';
import { expectNoLeaks, type Resources, resourcesNow } from '../support/leaks.ts';
import { canary, type Citizen, openTown, type Town } from '../support/town.ts';
import { type Answer, credentials, type Input, restRequest } from '../support/wire.ts';

const STRINGS = hostileStrings();
const secret = canary();
const lines: string[] = [];

let before: Resources;
let town: Town;
let user: Citizen;
let service: Citizen;

beforeAll(async () => {
  before = resourcesNow();
  const logger = createPinoLogger('debug', { write: (line) => void lines.push(line) });
  town = await openTown({ logger, settings: { MAX_WAITING_PER_USER: 100, NEW_SERVICE_USERS_PER_MIN: 100_000 } });
  user = await town.citizen('target');
  service = await town.citizen('service', { scopes: ['memory:read', 'memory:write', 'on_behalf'] });
});

afterAll(async () => {
  await expectNoLeaks(town.server, before);
  await town[Symbol.asyncDispose]();
});

/** Runs `work` for every string, a few at a time. */
async function forEachString(work: (text: string, index: number) => Promise<void>): Promise<void> {
  const queue = STRINGS.entries();
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const [index, text] of queue) await work(text, index);
    }),
  );
}

function expectClean(answer: Answer, what: string): void {
  expect(answer.status, `${what}: ${answer.text.slice(0, 300)}`).toBeLessThan(500);
  if (answer.ok) return;
  expect(answer.problem?.code, what).toMatch(/^(invalid_input|not_found|conflict|too_large)$/);
}

const short = (text: string): string => JSON.stringify(text.slice(0, 60));

describe('strings that break software', () => {
  it('[hostile-stored-identical] are stored and come back identical in every text field, or are refused cleanly', async () => {
    let stored = 0;
    await forEachString(async (text, index) => {
      const overMcp = index % 2 === 0;
      const call = (name: string, input: Input): Promise<Answer> => (overMcp ? town.mcp(user, name, input) : town.rest(user, name, input));
      const fields: Input = { type: text, tags: [text], thread: text, origin: text, metadata: { [`k${text}`]: text, list: [text] } };
      const written = text.toWellFormed();
      const plain = await call('store_memory', { content: text });
      expectClean(plain, `content ${short(text)}`);
      expect(plain.ok, short(text)).toBe(text !== '' && Buffer.byteLength(written) <= 65_536);
      if (plain.ok) expect((await call('get_memory', { id: plain.body['id'] })).body['content']).toBe(written);
      const together = await call('store_memory', { content: `About string ${index}.`, ...fields });
      expectClean(together, `all fields ${short(text)}`);
      // Where one field refuses the string, the others must still take it.
      const calls = together.ok ? [[Object.keys(fields), together] as const] : await Promise.all(Object.keys(fields).map(alone));
      for (const [names, answer] of calls) {
        expectClean(answer, `${names.join()} ${short(text)}`);
        if (!answer.ok) continue;
        stored += names.length;
        const back = (await call('get_memory', { id: answer.body['id'] })).body;
        for (const field of names) expect(fieldOf(back, field), `${field} ${short(text)}`).toEqual(kept(field, written));
      }
      async function alone(field: string): Promise<readonly [readonly string[], Answer]> {
        return [[field], await call('store_memory', { content: `About ${field} of string ${index}.`, [field]: fields[field] })];
      }
    });
    expect(stored).toBeGreaterThan(STRINGS.length * 4);
  }, 60_000);

  /** What a field must hold after it was given the string. */
  function kept(field: string, text: string): unknown {
    switch (field) {
      case 'metadata':
        return { [`k${text}`]: text, list: [text] };
      case 'tags':
        return [text.trim()];
      case 'type':
        return text.trim();
      case 'origin':
        return text === '' ? undefined : text;
      default:
        return text;
    }
  }

  function fieldOf(memory: Record<string, unknown>, field: string): unknown {
    return field === 'origin' ? (memory['source'] as { origin?: string }).origin : memory[field];
  }

  it('[hostile-queries] are answered in queries, filters and cursors', async () => {
    await forEachString(async (text, index) => {
      const query = `${text} ${secret}`;
      const calls: readonly (readonly [string, Input])[] = [
        ['retrieve_memory', { query: text, limit: 3 }],
        ['retrieve_memory', { query, tagsAny: [text], type: text, thread: text, timeZone: text, metadata: { [text]: text } }],
        ['search_memory', { tagsAll: text, since: text, until: text, limit: 1 }],
        ['search_memory', { cursor: text, limit: 1 }],
        ['list_tags', { prefix: text, limit: 5 }],
        ['forget_memories', { importId: text, thread: `${text}${secret}`, dryRun: true }],
        ['export_memories', { type: text, metadata: { [text]: null }, limit: 1 }],
        ['memory_stats', { space: text }],
        ['get_memory', { id: text }],
        ['update_memory', { id: text, content: secret }],
      ];
      const [name, input] = calls[index % calls.length] ?? ['whoami', {}];
      const [other, otherInput] = calls[index % 2] ?? ['whoami', {}];
      expectClean(await town.rest(user, name, input), `${name} ${short(text)}`);
      expectClean(await town.mcp(user, other, otherInput), `mcp ${other} ${short(text)}`);
    });
  }, 60_000);

  it('[hostile-imports] are taken or reported by line in imports, and come back in exports', async () => {
    const reader = await town.citizen('importer');
    const texts = STRINGS.filter((text) => text !== '' && Buffer.byteLength(text) <= 65_536).map((text) => text.toWellFormed());
    const { body } = await town.import(reader, [
      ...texts.map((content, place) => JSON.stringify({ content, thread: 'all', place })),
      ...STRINGS.filter((text) => !/[\r\n]/.test(text)),
    ]);
    expect(body['created']).toBeGreaterThanOrEqual(texts.length);
    const exported = (await town.exported(reader, '?thread=all')).toSorted((a, b) => Number(a['place']) - Number(b['place']));
    expect(exported.map(({ content }) => content)).toEqual(texts);
  });

  it('[hostile-headers] cannot break a request from inside a header or path', async () => {
    const names = ['idempotency-key', 'x-polymnia-client', 'user-agent', 'accept', 'mcp-protocol-version', 'content-type', 'x-forwarded-for'];
    await forEachString(async (text, index) => {
      const value = text.replaceAll(/[^\x20-\x7E\xA1-\xFF]/g, '?');
      const name = names[index % names.length] ?? '';
      const headers = { ...credentials(user), 'content-type': 'application/json', [name]: value };
      const response = await town.send('/api/v1/memories', { method: 'POST', headers, body: JSON.stringify({ content: 'A header test.' }) });
      expect(response.status, `${name}: ${short(text)}`).toBeLessThan(500);
      await response.body?.cancel();
      // Each new name makes a user, which costs a commit: every other string will do.
      if (index % 2 === 0) {
        const acting = await town.rest({ key: service.key, onBehalfOf: value }, 'whoami');
        expect([200, 400, 401], short(text)).toContain(acting.status);
      }
      const path = await town.send(`/api/v1/memories/${encodeURIComponent(text.toWellFormed())}`, { headers: credentials(user) });
      expect(path.status, short(text)).toBeLessThan(500);
      await path.body?.cancel();
    });
  }, 60_000);
});

describe('bodies that are not what they should be', () => {
  const bodies: readonly (readonly [string, string | Uint8Array<ArrayBuffer>])[] = [
    ['none', ''],
    ['null', 'null'],
    ['list', '[]'],
    ['number', '1'],
    ['text', '"x"'],
    ['cut off', '{"content":'],
    ['deep list', '['.repeat(100_000)],
    ['deep object', `{"content":"x","metadata":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`],
    ['prototype', '{"__proto__":{"admin":true},"constructor":{"prototype":{"polluted":1}}}'],
    ['not UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ['wrong types', '{"content":{},"items":"x","query":[],"id":7,"name":null,"limit":"many","spaceId":{},"userId":[]}'],
    ['huge numbers', '{"content":"x","place":1e308,"expiresIn":9007199254740993,"limit":-1,"occurredAt":1e300}'],
    ['another user', '{"content":"x","userId":"user_x","author":"user_x","role":"admin","scopes":["admin"]}'],
  ];

  it('[hostile-bodies] are refused cleanly by every operation, and the server stays up', async () => {
    for (const operation of town.server.operations) {
      const { method, path } = restRequest(operation, { id: 'x', userId: 'x', spaceId: 'x', keyId: 'x' });
      for (const [what, body] of bodies) {
        for (const type of ['application/json', 'application/x-ndjson']) {
          const init = { method, headers: { ...credentials(town.admin), 'content-type': type }, ...(method === 'GET' ? {} : { body }) };
          const response = await town.send(path, init);
          expect(response.status, `${operation.name}, ${what} as ${type}`).toBeLessThan(500);
          await response.body?.cancel();
        }
      }
    }
    for (const [what, body] of bodies) {
      const headers = { ...credentials(user), 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
      const response = await town.send('/mcp', { method: 'POST', headers, body });
      expect(response.status, `mcp, ${what}`).toBeLessThan(500);
      await response.body?.cancel();
    }
    expect('polluted' in {}).toBe(false);
    expect((await town.rest(user, 'whoami')).ok).toBe(true);
  });
});

describe('the logs of all this', () => {
  it('[logs-one-line] are one JSON object a line, whatever was in the calls', () => {
    expect(lines.length).toBeGreaterThan(STRINGS.length * 5);
    for (const line of lines) {
      expect(line.indexOf('\n'), line).toBe(line.length - 1);
      const entry = JSON.parse(line) as Record<string, unknown>;
      expect(typeof entry['level']).toBe('string');
      expect(/\p{Cc}/u.test(line.slice(0, -1)), line).toBe(false);
    }
  });

  it('[logs-no-secrets] hold no content and no key', () => {
    const log = lines.join('');
    for (const word of [secret, user.key, service.key, town.server.localKey, town.server.firstKey ?? 'none', 'About string', '__pwned'])
      expect(log).not.toContain(word);
    expect(/pmn_[0-9a-z]{8}/.test(log)).toBe(false);
    expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });
});
