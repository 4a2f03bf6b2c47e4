import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Exchange } from '../../domains/conversation/model.ts';
import type { ShortTerm } from '../../domains/conversation/ports.ts';

/** An implementation under test. Each test uses spaces of its own, so one serves the whole suite. */
export interface ShortTermUnderTest extends AsyncDisposable {
  readonly shortTerm: ShortTerm;
  /** Lets what is kept grow older. */
  passTime(ms: number): Promise<void>;
}

const MINUTE = 60_000;
/** What the newest exchange of a conversation may take, and all of them together. */
const MAX_BYTES = 256 * 1024;

const newSpace = (): string => randomBytes(8).toString('hex');

function exchange(turn: number, fields: Partial<Exchange> = {}): Exchange {
  return { turn, user: `question ${turn}`, assistant: `answer ${turn}`, steps: [], ...fields };
}

/** What every short-term cache must do, whatever it keeps things in. */
export function describeShortTerm(name: string, open: () => Promise<ShortTermUnderTest>): void {
  describe(`short term: ${name}`, () => {
    let subject: ShortTermUnderTest;
    let cache: ShortTerm;

    beforeAll(async () => {
      subject = await open();
      cache = subject.shortTerm;
    });
    afterAll(async () => subject[Symbol.asyncDispose]());

    test('gives back what was written, oldest first and to the letter', async () => {
      const space = newSpace();
      expect(await cache.read(space, 'c')).toBeUndefined();
      const odd = 'näme \u0000 "quoted" \\ 😀 \ud800 \u2028 {"turn":1}\r\n';
      const step = { call: { id: odd, name: 'retrieve_memory', arguments: '{"query":"tea"}' }, result: odd };
      const written = [exchange(1), exchange(4, { user: odd, assistant: odd, steps: [step, step] }), exchange(5, { assistant: '' })];
      await cache.write(space, 'c', written);
      expect(await cache.read(space, 'c')).toEqual(written);
    });

    test('a write replaces what was kept; the list remains its caller’s', async () => {
      const space = newSpace();
      const list = [exchange(1), exchange(2)];
      await cache.write(space, 'c', list);
      list.push(exchange(3));
      expect(await cache.read(space, 'c')).toEqual([exchange(1), exchange(2)]);
      await cache.write(space, 'c', list.slice(2));
      expect(await cache.read(space, 'c')).toEqual([exchange(3)]);
      await cache.write(space, 'c', []);
      expect(await cache.read(space, 'c')).toBeUndefined();
    });

    test('whatever happens in what order, conversations and spaces stay apart', async () => {
      const names = ['', 'a', 'a:b', 'a\nb', ':', '}', '{x}', 'ä😀', 'constructor', '*'];
      const action = fc.record({
        kind: fc.constantFrom('write', 'write', 'write', 'drop', 'drop all'),
        space: fc.nat(1),
        name: fc.constantFrom(...names),
        turn: fc.integer({ min: 1, max: 1000 }),
      });
      const history = fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
        const spaces = [newSpace(), newSpace()];
        const expected = new Map<string, readonly Exchange[]>();
        for (const { kind, space, name, turn } of actions) {
          const key = spaces[space] ?? '';
          if (kind === 'write') {
            await cache.write(key, name, [exchange(turn)]);
            expected.set(`${key} ${name}`, [exchange(turn)]);
          } else if (kind === 'drop') {
            await cache.drop(key, name);
            expected.delete(`${key} ${name}`);
          } else {
            await cache.drop(key);
            for (const each of names) expected.delete(`${key} ${each}`);
          }
        }
        for (const key of spaces) for (const each of names) expect(await cache.read(key, each)).toEqual(expected.get(`${key} ${each}`));
      });
      await fc.assert(history, { numRuns: 25 });
    });

    test('of a conversation that is too large the newest exchanges are kept, as many as fit', async () => {
      const space = newSpace();
      // Three bytes a character, and one exchange that is all escapes.
      const written = Array.from({ length: 40 }, (_, at) => exchange(at + 1, { assistant: (at === 35 ? '\u0001' : '語').repeat(4000) }));
      await cache.write(space, 'c', written);
      const kept = (await cache.read(space, 'c')) ?? [];
      expect(kept).toEqual(written.slice(-kept.length));
      const bytes = (exchanges: readonly Exchange[]): number => Buffer.byteLength(JSON.stringify(exchanges));
      expect(bytes(kept)).toBeLessThanOrEqual(MAX_BYTES);
      expect(bytes(written.slice(-kept.length - 1))).toBeGreaterThan(MAX_BYTES);
    });

    test('an exchange that is too large by itself is not kept, nor is what it followed', async () => {
      const space = newSpace();
      const frame = JSON.stringify([exchange(2, { user: '' })]).length;
      const largest = exchange(2, { user: 'x'.repeat(MAX_BYTES - frame) });
      await cache.write(space, 'c', [exchange(1), largest]);
      expect(await cache.read(space, 'c')).toEqual([largest]);
      await cache.write(space, 'c', [exchange(1), { ...largest, user: `${largest.user}x` }]);
      expect(await cache.read(space, 'c')).toBeUndefined();
    });

    test('is gone an hour after it was written, however often it was read', async () => {
      const space = newSpace();
      await cache.write(space, 'old', [exchange(1)]);
      await cache.write(space, 'new', [exchange(1)]);
      await subject.passTime(40 * MINUTE);
      await cache.write(space, 'new', [exchange(2)]);
      await subject.passTime(19 * MINUTE);
      expect(await cache.read(space, 'old')).toEqual([exchange(1)]);
      await subject.passTime(MINUTE);
      expect(await cache.read(space, 'old')).toBeUndefined();
      expect(await cache.read(space, 'new')).toEqual([exchange(2)]);
      await cache.drop(space);
      expect(await cache.read(space, 'new')).toBeUndefined();
    });

    test('many at once do not disturb each other', async () => {
      const spaces = Array.from({ length: 50 }, newSpace);
      await Promise.all(spaces.flatMap((space, at) => ['a', 'b'].map((name) => cache.write(space, name, [exchange(at + 1, { user: name })]))));
      await Promise.all(spaces.slice(25).map((space) => cache.drop(space)));
      const found = await Promise.all(spaces.flatMap((space) => ['a', 'b'].map((name) => cache.read(space, name))));
      const expected = spaces.flatMap((_, at) => ['a', 'b'].map((name) => (at < 25 ? [exchange(at + 1, { user: name })] : undefined)));
      expect(found).toEqual(expected);
    });

    test('after its end it has nothing, and still nobody is refused', async () => {
      await using ended = await open();
      const space = newSpace();
      await ended.shortTerm.write(space, 'c', [exchange(1)]);
      await ended.shortTerm[Symbol.asyncDispose]();
      expect(await ended.shortTerm.read(space, 'c')).toBeUndefined();
      await ended.shortTerm.write(space, 'c', [exchange(2)]);
      await ended.shortTerm.drop(space);
    });
  });
}
