import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { RE2JS } from 're2js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CodeQuery, IndexCall, IndexSource, SymbolQuery } from '../../../domains/code/search/code-index.ts';
import { systemClock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { type KitFile, writeGeneration } from './generation-test-kit.ts';
import { FILE_FLAGS } from './segment-schema.ts';
import { SearchThreads } from './search-threads.ts';

const root = mkdtempSync(join(tmpdir(), 'polymnia-search-'));
let folders = 0;
let index: SearchThreads;
const crashes: unknown[] = [];

beforeAll(() => {
  index = new SearchThreads({ threads: 2, clock: systemClock, onCrash: (_name, cause) => crashes.push(cause) });
});
beforeEach(() => void (crashes.length = 0));
afterAll(async () => {
  await index[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

function generation(layers: readonly (readonly KitFile[])[], options?: Parameters<typeof writeGeneration>[2]): IndexSource {
  const folder = join(root, String((folders += 1)));
  writeGeneration(folder, layers, options);
  return { folder, stage: options?.textOnly ? 'text' : 'complete' };
}

function callOf(signal = new AbortController().signal, user = 'ann'): IndexCall {
  return { flow: { user, group: user, weight: 1 }, signal, deadlineAt: systemClock.monotonic() + 20_000, meter: { add: () => {} } };
}

function codeQuery(mode: CodeQuery['mode'], text: string, more: Partial<CodeQuery> = {}): CodeQuery {
  return { mode, text, caseSensitive: true, filter: {}, offset: 0, limit: 50, budgetMs: 10_000, ...more };
}

function symbolQuery(name: string, more: Partial<SymbolQuery> = {}): SymbolQuery {
  return { name, match: 'auto', filter: {}, references: false, limit: 20, budgetMs: 10_000, ...more };
}

async function paths(source: IndexSource, query: CodeQuery): Promise<string[] | undefined> {
  return (await index.search(source, query, callOf()))?.files.map(({ path }) => path);
}

const USERS: readonly KitFile[] = [
  {
    path: 'app/users.py',
    text: 'import db\n\ndef get_user_by_id(id):\n    """Fetch one user."""\n    return db.find(id)\n\ndef other():\n    return get_user_by_id(3)\n',
  },
  { path: 'app/views.py', text: 'from users import get_user_by_id\n\ndef show(request):\n    return get_user_by_id(request.id)\n' },
  { path: 'tests/test_users.py', flags: FILE_FLAGS.test, text: 'def test_get_user_by_id():\n    assert get_user_by_id(1)\n' },
  { path: 'web/user.js', language: 'javascript', text: 'function renderUser(user) {\n  return user.name;\n}\n' },
];

describe('words', () => {
  it('rank the definition a question is about first, with its symbol, lines and marks', async () => {
    const answer = await index.search(generation([USERS]), codeQuery('words', 'fetch a user by id'), callOf());
    const [best] = answer?.files ?? [];
    expect(best?.path).toBe('app/users.py');
    expect(best?.matches[0]).toMatchObject({ line: 3, symbol: { name: 'get_user_by_id', kind: 'function' } });
    const { text = '', marks = [] } = best?.matches[0]?.snippet ?? {};
    expect(marks.map(([start, end]) => text.slice(start, end))).toEqual(expect.arrayContaining(['get_user_by_id', 'Fetch', 'user']));
    expect(best?.why.words).toBeGreaterThan(0);
  });

  it('put an exact name before its uses, and tests last', async () => {
    const answer = await index.search(generation([USERS]), codeQuery('words', 'get_user_by_id'), callOf());
    expect(answer?.files.map(({ path, tier }) => [path, tier])).toEqual([
      ['app/users.py', 2],
      ['app/views.py', 1],
      ['tests/test_users.py', 1],
      ['web/user.js', 0],
    ]);
    expect(answer?.files[0]?.why.symbol).toBe(4);
    expect(answer?.files[2]?.why.lowered).toBeLessThan(1);
  });

  it('heed language, path and kind', async () => {
    const source = generation([USERS]);
    expect(await paths(source, codeQuery('words', 'user', { filter: { languages: ['javascript'] } }))).toEqual(['web/user.js']);
    expect(await paths(source, codeQuery('words', 'user', { filter: { paths: ['tests/**'] } }))).toEqual(['tests/test_users.py']);
    expect(await paths(source, codeQuery('words', 'user', { kinds: ['class'] }))).toEqual([]);
    expect(await paths(source, codeQuery('exact', 'user', { kinds: ['function'], filter: { paths: ['*.js'] } }))).toEqual(['web/user.js']);
  });

  it('work by the texts alone before there are symbols', async () => {
    const source = generation([USERS], { textOnly: true });
    const answer = await index.search(source, codeQuery('words', 'fetch users'), callOf());
    expect(answer?.files[0]).toMatchObject({ path: 'app/users.py', tier: 0 });
    expect(await paths(source, codeQuery('exact', 'db.find'))).toEqual(['app/users.py']);
  });

  it('are read anew when the same folder is complete', async () => {
    const source = generation([USERS], { textOnly: true });
    await index.search(source, codeQuery('words', 'user'), callOf());
    rmSync(source.folder, { recursive: true });
    writeGeneration(source.folder, [USERS]);
    const answer = await index.symbols({ ...source, stage: 'complete' }, symbolQuery('renderUser'), callOf());
    expect(answer?.definitions).toHaveLength(1);
  });
});

describe('an index made in steps', () => {
  const word = fc.constantFrom('load', 'save', 'user', 'config', 'parse', 'index', 'x1', 'http');
  const text = fc.array(word, { minLength: 1, maxLength: 12 }).map((words) => `def ${words.slice(0, 2).join('_')}(a):\n    ${words.join(' ')}\n`);
  const file = fc.record({
    path: fc.constantFrom('a.py', 'b.py', 'c/d.py', 'c/e.py', 'f.py'),
    text: fc.oneof({ weight: 6, arbitrary: text }, { weight: 1, arbitrary: fc.constant('') }),
  });
  const layer = fc.uniqueArray(file, { selector: ({ path }) => path, minLength: 1, maxLength: 5 });

  it('ranks as one made at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(layer, { minLength: 1, maxLength: 4 }), fc.array(word, { minLength: 1, maxLength: 3 }), async (layers, words) => {
        const live = new Map(layers.flat().map((each) => [each.path, each]));
        const fresh = [...live.values()].filter((each) => each.text !== '');
        const query = codeQuery('words', words.join(' '));
        const inSteps = await index.search(generation(layers), query, callOf());
        expect(inSteps).toEqual(await index.search(generation([fresh]), query, callOf()));
      }),
      { numRuns: 12 },
    );
  });
});

describe('exact text and expressions', () => {
  const piece = fc.constantFrom('foo', 'Foo', 'bar(', 'é', 'É', '\n', ' ', '_', 'baz', '日本', '\t', 'fo', 'o', 'KELVIN', '\u212a', '.');
  const content = fc.array(piece, { minLength: 1, maxLength: 25 }).map((pieces) => pieces.join(''));

  it('find what looking through every file finds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(content, { minLength: 1, maxLength: 8 }),
        fc.array(piece, { minLength: 1, maxLength: 3 }).map((pieces) => pieces.join('')),
        fc.constantFrom('foo+', 'ba[rz]', '(?i)foo.', 'F\\w+|日', 'kelvin', '^\\s*o', 'é$', 'o{2}.?b', '[^o]bar\\('),
        fc.boolean(),
        async (texts, needle, pattern, caseSensitive) => {
          const files = texts.map((text, at) => ({ path: `f${at}.txt`, text }));
          const source = generation([files]);
          const found = async (query: CodeQuery): Promise<string[] | undefined> => (await paths(source, { ...query, caseSensitive }))?.toSorted();
          const expected = (holds: (text: string) => boolean): string[] => files.filter(({ text }) => holds(text)).map(({ path }) => path);
          const same = new RegExp(needle.replaceAll(/[().]/g, String.raw`\$&`), caseSensitive ? '' : 'i');
          expect(await found(codeQuery('exact', needle))).toEqual(expected((text) => same.test(text)));
          const compiled = RE2JS.compile(pattern, caseSensitive ? 0 : RE2JS.CASE_INSENSITIVE);
          const lines = (text: string): string[] => text.replace(/\n$/, '').split('\n');
          expect(await found(codeQuery('regex', pattern))).toEqual(expected((text) => lines(text).some((each) => compiled.matcher(each).find())));
        },
      ),
      { numRuns: 15 },
    );
  });

  it('go on with the next page where the one before ended', async () => {
    const files = Array.from({ length: 25 }, (_, at) => ({
      path: `f${String(at).padStart(2, '0')}.py`,
      text: `needle ${at}`,
      flags: at % 5 === 0 ? FILE_FLAGS.test : 0,
    }));
    const source = generation([files]);
    for (const mode of ['exact', 'regex', 'words'] as const) {
      const all = await paths(source, codeQuery(mode, 'needle'));
      const pages = await Promise.all([0, 10, 20].map((offset) => paths(source, codeQuery(mode, 'needle', { offset, limit: 10 }))));
      expect(pages.flat()).toEqual(all);
      expect(new Set(all).size).toBe(25);
      expect(all?.slice(-5)).toEqual(['f00.py', 'f05.py', 'f10.py', 'f15.py', 'f20.py']);
    }
  });

  it('refuse what is no expression as the caller’s mistake', async () => {
    await expect(index.search(generation([USERS]), codeQuery('regex', '(?=x)'), callOf())).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it('show hostile text harmless', async () => {
    const source = generation([[{ path: 'e\u202evil.py', text: 'needle \u001b[2J\u0000\u202e end' }]]);
    const answer = await index.search(source, codeQuery('exact', 'needle'), callOf());
    expect(JSON.stringify(answer)).not.toMatch(/\\u001b|\\u0000|\u202e/);
    const path = answer?.files[0]?.path ?? '';
    expect(await index.read(source, { what: 'lines', path, from: 1 }, callOf())).toMatchObject({ found: 'text', lines: 1 });
  });
});

describe('symbols', () => {
  it('are found exactly, in any case, by their beginning and misspelt', async () => {
    const source = generation([USERS]);
    const look = async (name: string, more?: Partial<SymbolQuery>): Promise<unknown> =>
      (await index.symbols(source, symbolQuery(name, more), callOf()))?.definitions.map((each) => [each.name, each.match]);
    expect(await look('get_user_by_id')).toEqual([['get_user_by_id', 'exact']]);
    expect(await look('GET_USER_BY_ID')).toEqual([['get_user_by_id', 'case']]);
    expect(await look('get_us')).toEqual([['get_user_by_id', 'prefix']]);
    expect(await look('get_usr_by_di')).toEqual([['get_user_by_id', 'fuzzy']]);
    expect(await look('get_us', { match: 'exact' })).toEqual([]);
    expect(await look('show', { kinds: ['class'] })).toEqual([]);
    expect(await look('zebra')).toEqual([]);
  });

  it('come with their uses and how sure they are', async () => {
    const answer = await index.symbols(generation([USERS]), symbolQuery('get_user_by_id', { references: true }), callOf());
    expect(answer?.references?.map(({ path, confidence, lines }) => [path, confidence, lines])).toEqual([
      ['app/users.py', 'same_file', [3, 8]],
      ['app/views.py', 'imported', [1, 4]],
      ['tests/test_users.py', 'unique_name', [2]],
    ]);
  });

  it('of files that changed or went are not found', async () => {
    const source = generation([
      USERS,
      [
        { path: 'app/users.py', text: 'def renamed():\n    pass\n' },
        { path: 'web/user.js', text: '' },
      ],
    ]);
    expect((await index.symbols(source, symbolQuery('get_user_by_id', { match: 'exact' }), callOf()))?.definitions).toEqual([]);
    expect(await paths(source, codeQuery('exact', 'renderUser'))).toEqual([]);
    expect(await paths(source, codeQuery('words', 'renamed'))).toEqual(['app/users.py']);
  });
});

describe('reading', () => {
  it('answers lines, bodies and outlines', async () => {
    const source = generation([USERS]);
    const lines = await index.read(source, { what: 'lines', path: 'app/users.py', from: 3, to: 4 }, callOf());
    expect(lines).toMatchObject({ found: 'text', from: 3, to: 4, lines: 8, text: 'def get_user_by_id(id):\n    """Fetch one user."""', cut: false });
    const body = await index.read(source, { what: 'symbol', name: 'other' }, callOf());
    expect(body).toMatchObject({ path: 'app/users.py', from: 7, text: 'def other():\n    return get_user_by_id(3)' });
    const outline = await index.read(source, { what: 'outline', path: 'app/users.py' }, callOf());
    expect(outline).toMatchObject({
      found: 'outline',
      symbols: [
        { name: 'get_user_by_id', line: 3 },
        { name: 'other', line: 7 },
      ],
    });
  });

  it('is bounded in lines and bytes, and says that it was cut', async () => {
    const long = 'x'.repeat(300_000);
    const source = generation([
      [
        { path: 'many.txt', text: 'line\n'.repeat(5_000) },
        { path: 'long.txt', text: `${long}\nend\n` },
      ],
    ]);
    expect(await index.read(source, { what: 'lines', path: 'many.txt', from: 11 }, callOf())).toMatchObject({
      from: 11,
      to: 2_010,
      lines: 5_000,
      cut: true,
    });
    const cut = await index.read(source, { what: 'lines', path: 'long.txt', from: 1 }, callOf());
    expect(cut).toMatchObject({ to: 1, cut: true });
    expect(cut?.found === 'text' && cut.text.length).toBe(200 * 1024);
  });

  it('helps with what is not there, and never leaves the generation', async () => {
    const source = generation([USERS]);
    expect(await index.read(source, { what: 'lines', path: 'lib/users.py', from: 1 }, callOf())).toEqual({
      found: 'nothing',
      near: ['app/users.py', 'tests/test_users.py'],
    });
    for (const path of ['/etc/passwd', '../1/manifest.db', 'app/../../x', '\0']) {
      expect(await index.read(source, { what: 'lines', path, from: 1 }, callOf())).toMatchObject({ found: 'nothing' });
    }
  });
});

describe('threads', () => {
  const haystack = Array.from({ length: 200 }, (_, at) => ({ path: `${at}.txt`, text: `${'ab'.repeat(30_000)}\n`.repeat(4) }));
  let hay: IndexSource;
  beforeAll(() => {
    hay = generation([haystack]);
  });
  const SLOW = codeQuery('regex', '(?:a|b|[xy]z)*[cd](e|f)*[gh]$');

  it('stop when the call is aborted, and go on to serve', async () => {
    const source = hay;
    await index.search(source, codeQuery('exact', 'zzz'), callOf());
    const abort = new AbortController();
    const slow = index.search(source, SLOW, callOf(abort.signal));
    setTimeout(() => abort.abort(new PolymniaError('cancelled', 'enough')), 30);
    const started = performance.now();
    await expect(slow).rejects.toMatchObject({ code: 'cancelled' });
    expect(performance.now() - started).toBeLessThan(1_500);
    expect(await paths(source, codeQuery('exact', 'zzz'))).toEqual([]);
    expect(crashes).toEqual([]);
  });

  it('answer with what they have when the time given is used up', async () => {
    const answer = await index.search(hay, { ...SLOW, budgetMs: 20 }, callOf());
    expect(answer).toMatchObject({ stopped: 'time', more: true });
  });

  it('leave one thread to others while one user holds the rest', async () => {
    const source = hay;
    const abort = new AbortController();
    const slow = [1, 2, 3].map(() => index.search(source, SLOW, callOf(abort.signal, 'greedy')).catch(() => 'stopped'));
    const small = await index.symbols(generation([USERS]), symbolQuery('show'), callOf(undefined, 'light'));
    expect(small?.definitions).toHaveLength(1);
    abort.abort(new PolymniaError('cancelled', 'enough'));
    expect(await Promise.all(slow)).toEqual(['stopped', 'stopped', 'stopped']);
  });

  it('that die take only their call with them', async () => {
    const entry = join(root, 'dying.mjs');
    writeFileSync(
      entry,
      `import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => { throw new Error('dead'); }); parentPort.postMessage({ kind: 'ready' });`,
    );
    await using dying = new SearchThreads({
      threads: 1,
      clock: systemClock,
      entry: new URL(`file://${entry}`),
      onCrash: (_name, cause) => crashes.push(cause),
    });
    for (let time = 1; time <= 2; time += 1) {
      await expect(dying.symbols(generation([USERS]), symbolQuery('x'), callOf())).rejects.toMatchObject({ code: 'storage_unavailable' });
      expect(crashes).toHaveLength(time);
    }
  });

  it('that do not stop are replaced', async () => {
    const entry = join(root, 'deaf.mjs');
    writeFileSync(
      entry,
      `import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => { for (;;); }); parentPort.postMessage({ kind: 'ready' });`,
    );
    await using deaf = new SearchThreads({ threads: 1, clock: systemClock, entry: new URL(`file://${entry}`) });
    const started = performance.now();
    await expect(deaf.symbols(generation([USERS]), symbolQuery('x'), callOf(AbortSignal.timeout(50)))).rejects.toBeInstanceOf(PolymniaError);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('close a generation that is retired, once its last reader is done, and open it no more', async () => {
    const source = generation([haystack.slice(0, 40)]);
    const reading = index.search(source, { ...SLOW, budgetMs: 300 }, callOf());
    let retired = false;
    const retiring = index.retire(source.folder).then(() => (retired = true));
    expect(await index.search(source, SLOW, callOf())).toBeUndefined();
    expect(retired).toBe(false);
    expect(await reading).toBeDefined();
    await retiring;
    expect(existsSync(source.folder)).toBe(true);
  });

  it('say that a generation is gone, and that one is damaged', async () => {
    const source = generation([USERS]);
    expect(await index.search({ ...source, folder: join(root, 'none') }, codeQuery('exact', 'abc'), callOf())).toBeUndefined();
    writeFileSync(join(source.folder, 's0.text.db'), 'no database');
    await expect(index.search(source, codeQuery('exact', 'abc'), callOf())).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});
