import { existsSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchExpression, queryTerms, tokenise } from './tokenise.ts';

const NAUGHTY_FILE = new URL('../../../../../shared/data/naughty-strings.json', import.meta.url);
const NASTY = [
  '',
  '\0',
  'a\0b',
  '\ud800',
  'x\udc00y',
  '\ufffe\uffff',
  "'; DROP TABLE users; --",
  '" OR NEAR(a b) NOT content:*',
  '{content tags} : ^x',
  'a" OR "b',
  'Z\u0351\u0342a\u0300\u0301\u0302\u0303lgo'.repeat(50),
  '\u0301\u0302',
  '\ufdfa'.repeat(400),
  '👩‍👩‍👧‍👦❤️🏳️‍🌈',
  'İIıi̇',
  'ﷺ ﬃ ½ ² Ⅷ ㎒',
  '\u202etest\u202c',
  'A'.repeat(65_536),
  'aB'.repeat(32_768),
  "a-'".repeat(20_000),
  '漢'.repeat(20_000),
  'กำ'.repeat(5_000),
];
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc
    .array(
      fc.constantFrom("'", '"', '-', '_', '.', 'A', 'b', '7', 'é', 'ß', '日', 'ー', 'ไ', '한', '́', '\ud83d', '\0', ' ', '*', '^', ':', "n't", "'s"),
      { maxLength: 80 },
    )
    .map((parts) => parts.join('')),
  fc.constantFrom(...NASTY).map((text) => text.slice(0, 2_000)),
);

function expectGoodTokens(text: string): void {
  const tokens = tokenise(text);
  for (const token of tokens) {
    expect(token.length).toBeGreaterThan(0);
    expect(token.length).toBeLessThanOrEqual(64);
    expect(token).toMatch(/^(?:[a-z0-9]|(?![\0-\x7f])[\p{L}\p{N}\p{M}])+$/u);
    expect(token.isWellFormed()).toBe(true);
  }
  expect(tokenise(text)).toEqual(tokens);
}

describe('tokenise', () => {
  it.each([
    ['Caroline went to LGBTQ support groups', ['carolin', 'went', 'to', 'lgbtq', 'support', 'group']],
    ["Caroline's dog, the dogs’ dog’s", ['carolin', 'dog', 'the', 'dog', 'dog']],
    ["I'm we'll they've don't", ['i', 'we', 'thei', 'dont']],
    ['getUserById', ['getuserbyid', 'get', 'user', 'by', 'id']],
    ['get_user_by_id', ['getuserbyid', 'get', 'user', 'by', 'id']],
    ['HTTPServer2', ['httpserver2', 'http', 'server', '2']],
    ['kebab-case', ['kebabcas', 'kebab', 'case']],
    ['YouTube youtube', ['youtub', 'you', 'tube', 'youtub']],
    ['src/kernel/ids.ts', ['srckernelidst', 'src', 'kernel', 'id', 'ts']],
    ['v1.2.3', ['v123', 'v1', '2', '3']],
    ['ann.lee@example.org', ['annleeexampleorg', 'ann', 'lee', 'exampl', 'org']],
    ['on 2023-05-08 at 10:30', ['on', '20230508', '2023', '05', '08', 'at', '1030', '10', '30']],
    ['5pm mp3', ['5pm', 'mp3']],
    ['Café Ångström Straße Øre İstanbul naïve', ['cafe', 'angstrom', 'strass', 'or', 'istanbul', 'naiv']],
    ['ｆｕｌｌ ﬁne', ['full', 'fine']],
    ['Привет, Κόσμε', ['привет', 'κόσμε']],
    ['日本語', ['日本', '本語', '語']],
    ['猫', ['猫']],
    ['React勉強会', ['react', '勉強', '強会', '会']],
    ['안녕하세요', ['안녕', '녕하', '하세', '세요', '요']],
    ['soft\u00adhyphen', ['softhyphen']],
    ['🎉 👍', []],
  ])('%s', (text, tokens) => {
    expect(tokenise(text)).toEqual(tokens);
  });

  it('meets every spelling of one name', () => {
    for (const name of ['getUserById', 'get_user_by_id', 'get-user-by-id', 'GetUserByID', 'GET_USER_BY_ID', 'getuserbyid']) {
      expect(tokenise(name)).toContain('getuserbyid');
    }
  });

  it('composed and decomposed text give the same', () => {
    const text = 'Crème brûlée, 한국어 がぎぐ, Việt Nam';
    expect(tokenise(text.normalize('NFD'))).toEqual(tokenise(text.normalize('NFC')));
  });

  it('keeps encoded bytes and long names from exploding', () => {
    const blob = Buffer.from(Array.from({ length: 6_000 }, (_, at) => (at * 7919 + (at >> 3) * 31) & 255)).toString('base64');
    expect(tokenise(blob).length).toBeLessThan(blob.length / 12);
    expect(tokenise('7f3e8400-e29b-41d4-a716-446655440000')).toEqual([
      '7f3e8400e29b41d4a716446655440000',
      '7f3e8400',
      'e29b',
      '41d4',
      'a716',
      '446655440000',
    ]);
    const [one, other] = [tokenise(`${'x'.repeat(200)}1`), tokenise(`${'x'.repeat(200)}2`)];
    expect(one).toHaveLength(1);
    expect(one).not.toEqual(other);
  });

  it('looks at the first 64 Ki only and stays linear', () => {
    expect(tokenise(`${' '.repeat(65_536)}late`)).toEqual([]);
    const started = performance.now();
    for (const text of NASTY) tokenise(text);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('never throws and keeps its alphabet for any string', () => {
    for (const text of NASTY) expectGoodTokens(text.slice(0, 2_000));
    const checked = fc.check(
      fc.property(anyText, (text) => expectGoodTokens(text)),
      { numRuns: 500 },
    );
    expect(fc.defaultReportMessage(checked)).toBeUndefined();
  });

  it.skipIf(!existsSync(NAUGHTY_FILE))('survives the list of naughty strings', () => {
    const parsed: unknown = JSON.parse(readFileSync(NAUGHTY_FILE, 'utf8'));
    const strings = Array.isArray(parsed) ? parsed.filter((item) => typeof item === 'string') : [];
    expect(strings.length).toBeGreaterThan(500);
    for (const text of strings) expectGoodTokens(text);
  });
});

describe('queryTerms', () => {
  it.each([
    ['When did Caroline go to the LGBTQ support group?', ['carolin', 'go', 'lgbtq', 'support', 'group']],
    ['What is it?', ['what', 'is', 'it']],
    ["What's Ann's plan?", ['ann', 'plan']],
    ['dogs dog DOG', ['dog']],
    ['日本語', ['日本', '本語']],
    ['猫', ['猫']],
    ['…', []],
  ])('%s', (text, terms) => {
    expect(queryTerms(text)).toEqual(terms);
  });

  it('keeps at most 32, the ones that look rarest, in order', () => {
    const short = Array.from({ length: 40 }, (_, at) => `q${String.fromCharCode(97 + (at % 26))}${at > 25 ? 'z' : ''}`);
    const terms = queryTerms([...short, 'photosynthesis', 'E1234', '地球'].join(' '));
    expect(terms).toHaveLength(32);
    expect(terms).toEqual(expect.arrayContaining(['photosynthesi', 'e1234', '地球']));
    expect(terms.indexOf('photosynthesi')).toBeLessThan(terms.indexOf('e1234'));
  });

  it('asks only for terms that the same text is indexed under', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const terms = queryTerms(text);
        expect(terms.length).toBeLessThanOrEqual(32);
        const indexed = new Set(tokenise(text));
        for (const term of terms) expect(indexed).toContain(term);
      }),
    );
  });
});

describe('in FTS5', () => {
  const db = new DatabaseSync(':memory:');
  db.exec("CREATE VIRTUAL TABLE words USING fts5(content, tags, content='', contentless_delete=1, tokenize='ascii')");
  const insert = db.prepare('INSERT INTO words(rowid, content, tags) VALUES (?, ?, ?)');
  const remove = db.prepare('DELETE FROM words WHERE rowid = ?');
  const search = db.prepare('SELECT rowid AS row FROM words WHERE words MATCH ?');
  const finds = (stored: string, asked: string): boolean => {
    insert.run(1n, tokenise(stored).join(' '), '');
    try {
      return search.all(matchExpression(queryTerms(asked))).length === 1;
    } finally {
      remove.run(1n);
    }
  };

  it.each([
    ['Caroline: I painted a sunrise', 'paintings of sunrises'],
    ['see getUserById in src/users.ts', 'get_user_by_id'],
    ['write to ann@example.org', 'ann@example.org'],
    ['東京都に住んでいます', '京都'],
    ['黒猫がいる', '猫'],
    ['黒猫', '猫'],
    ['Déjà vu', 'deja'],
    ['NOT AND OR NEAR', 'NEAR'],
  ])('%s is found by %s', (stored, asked) => {
    expect(finds(stored, asked)).toBe(true);
  });

  it('does not find what is not there', () => {
    expect(finds('犬がいる', '猫')).toBe(false);
    expect(finds('apples', 'pears OR content:*')).toBe(false);
  });

  it('finds any text by itself, and no text breaks the query', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        fc.pre(queryTerms(text).length > 0);
        expect(finds(text, text)).toBe(true);
      }),
    );
  });

  it('takes whatever is passed as a term for a term', () => {
    const term = fc.oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.constantFrom(...NASTY.slice(1, 12)));
    insert.run(2n, 'canary', '');
    fc.assert(
      fc.property(fc.array(term, { minLength: 1, maxLength: 8 }), (terms) => {
        fc.pre(!terms.some((one) => /canary/i.test(one)));
        expect(search.all(matchExpression(terms))).toEqual([]);
      }),
    );
    expect(matchExpression([])).toBe('');
  });
});
