import * as fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { pathFilter } from './file-globs.ts';
import { nameDistance } from './fuzzy-name.ts';
import { lineAt, lineCount, lineSpan, lineStarts } from './lines.ts';
import { BadPattern, exactMatcher, regexMatcher, type TextMatcher } from './matcher.ts';
import { mergeByRank } from './merge-by-rank.ts';
import { plainText } from './plain-text.ts';
import { heedsCase, meantQuery } from './query-mode.ts';
import { regexTextQuery } from './regex-text-query.ts';
import { makeSnippet } from './snippet.ts';
import type { TextQuery } from './text-query.ts';
import { fitTokens } from './token-budget.ts';
import { TopList } from './top-list.ts';
import { parseWordsQuery } from './words-query.ts';

/** Expressions on which an engine that backtracks runs for ever, and texts to do it with. */
const BACKTRACKING = [
  ['(a+)+$', 'a'.repeat(40).concat('!')],
  ['(a|aa)+$', 'a'.repeat(40).concat('!')],
  ['(a|a)*b', 'a'.repeat(60)],
  ['([a-zA-Z]+)*1', 'z'.repeat(60)],
  ['^(([^,]+,?)+)$', 'a,'.repeat(30).concat(',,')],
  ['(.*)*x=y', 'x='.repeat(30)],
] as const;

function find(matcher: TextMatcher, text: string): string[] {
  return matcher
    .find(
      text,
      () => lineStarts(text),
      1000,
      () => {},
    )
    .spans.map(([start, end]) => text.slice(start, end));
}

/** Does a text hold what the query asks for? As the index would tell, from trigrams alone being looser. */
function holds(query: TextQuery, text: string): boolean {
  const small = text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
  switch (query.kind) {
    case 'any':
      return true;
    case 'literal':
      return small.includes(query.text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()));
    case 'and':
      return query.parts.every((part) => holds(part, text));
    case 'or':
      return query.parts.some((part) => holds(part, text));
  }
}

describe('regexTextQuery', () => {
  it.each([
    ['mutex_lock', 'mutex_lock'],
    ['mutex_(un)?lock\\(', 'or(mutex_unlock(,mutex_lock()'],
    ['foo.*bar', 'and(foo,bar)'],
    ['(foo|bar)baz', 'or(foobaz,barbaz)'],
    ['abc+d', 'abc'],
    ['[ab]cd', 'or(acd,bcd)'],
    ['\\bget\\w+User\\b', 'and(get,User)'],
    ['x*', 'any'],
    ['(?i)index', 'index'],
    ['(?i)task', 'any'],
    ['\\Qa.b*c\\E', 'a.b*c'],
    ['a{0}bcd', 'bcd'],
    ['(?P<n>hello) world', 'hello world'],
    ['\\pLfoo', 'foo'],
    ['[[:alpha:]]foo', 'foo'],
  ])('%s → %s', (pattern, expected) => {
    expect(shown(regexTextQuery(pattern, false))).toBe(expected);
  });

  it('never asks for more than a match has', () => {
    const atom = fc.oneof(
      fc.constantFrom(
        'foo',
        'bar',
        'ab',
        'Kelvin',
        'x',
        'é',
        '\\.',
        '\\d',
        '.',
        '[abc]',
        '[^x]',
        '\\w',
        '(?:foo|ba)',
        '(a|)',
        '(?i:bar)',
        '$',
        '^',
        '\\b',
      ),
      fc.constantFrom('a', 'b', 'o'),
    );
    const piece = fc
      .tuple(atom, fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{0,2}', '*?'))
      .map(([a, times]) => (/^[$^]|\\b/.test(a) ? a : a + times));
    const pattern = fc.array(piece, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''));
    const alternatives = fc.array(pattern, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('|'));
    const text = fc.array(fc.constantFrom('foo', 'bar', 'BAR', 'ab', 'a', 'b', 'o', 'x', 'é', '.', '7', ' ', 'kelvin', '\u212aelvin', 'Kelvin'), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(
        alternatives,
        text.map((parts) => parts.join('')),
        fc.boolean(),
        (source, content, ignoreCase) => {
          const compiled = RE2JS.compile(source, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
          if (compiled.matcher(content).find()) expect(holds(regexTextQuery(source, ignoreCase), content)).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

function shown(query: TextQuery): string {
  if (query.kind === 'any') return 'any';
  return query.kind === 'literal' ? query.text : `${query.kind}(${query.parts.map(shown).join(',')})`;
}

describe('matchers', () => {
  it('find a text as it is or in any case', () => {
    expect(find(exactMatcher('a.b', true), 'a.b aXb A.B')).toEqual(['a.b']);
    expect(find(exactMatcher('a.b', false), 'a.b aXb A.B')).toEqual(['a.b', 'A.B']);
    expect(find(exactMatcher('ÄPFEL(', false), 'äpfel( x')).toEqual(['äpfel(']);
    expect(find(exactMatcher('a-]^\\/', false), 'xA-]^\\/')).toEqual(['A-]^\\/']);
  });

  it('match an expression within lines only, with line anchors', () => {
    expect(find(regexMatcher('^b.*$', true), 'ab\nbc\r\nbd')).toEqual(['bc', 'bd']);
    expect(find(regexMatcher('a\\sb', true), 'a\nb a b')).toEqual(['a b']);
    expect(find(regexMatcher('\\Aab\\z', true), 'x\nab\nabc')).toEqual(['ab']);
    expect(find(regexMatcher('ABC', false), 'abc')).toEqual(['abc']);
  });

  it('find what line by line finds, across blocks', () => {
    const lines = Array.from({ length: 20_000 }, (_, at) => (at % 1_999 === 0 ? `needle${at}` : `hay ${at}`));
    expect(find(regexMatcher('needle\\d+', true), lines.join('\n'))).toEqual(lines.filter((line) => line.startsWith('needle')));
  });

  it('refuse what is no expression or too large, saying why', () => {
    for (const pattern of ['(', '(?=a)b', '\\1', 'a{1001}', '*', '(a{1000}){2}']) expect(() => regexMatcher(pattern, true)).toThrow(BadPattern);
    expect(() => regexMatcher(Array.from({ length: 100 }, () => '\\pL{500}').join(''), true)).toThrow(BadPattern);
  });

  it.each(BACKTRACKING)('%s stays linear', (pattern, text) => {
    const matcher = regexMatcher(pattern, true);
    const spent = (times: number): number => {
      const before = process.cpuUsage().user;
      find(matcher, text.repeat(times));
      return process.cpuUsage().user - before;
    };
    spent(20);
    expect(spent(200)).toBeLessThan(Math.max(10 * 4 * spent(20), 100_000));
  });

  it('ask whether they may go on', () => {
    let asked = 0;
    const text = 'x'.repeat(100).concat('\n').repeat(20_000);
    regexMatcher('[^x]\\d', true).find(
      text,
      () => lineStarts(text),
      10,
      () => (asked += 1),
    );
    expect(asked).toBeGreaterThanOrEqual(text.length / 65_536 - 1);
  });
});

describe('lines and snippets', () => {
  it('number lines as editors do', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'bc', '\n', '\r\n', ''), { maxLength: 20 }), (parts) => {
        const text = parts.join('');
        const expected = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n').map((line) => line.replace(/\r$/, ''));
        const starts = lineStarts(text);
        const lines = Array.from({ length: lineCount(starts) }, (_, at) => text.slice(...lineSpan(text, starts, at + 1)));
        expect(lines).toEqual(expected.map((line) => line));
        for (let at = 0; at < text.length; at += 1) expect(lineAt(starts, at)).toBe(text.slice(0, at).split('\n').length);
      }),
    );
  });

  it('mark the same characters that were found, in long and hostile lines too', () => {
    const text = `first\n${'x'.repeat(500)} needle ${'y'.repeat(500)}\n\u202eneedle\u0007\nlast`;
    const spans = [...text.matchAll(/needle/g)].map(({ index }) => [index, index + 6] as const);
    const snippet = makeSnippet(text, lineStarts(text), { from: 1, to: 4 }, spans);
    expect(snippet.marks.map(([start, end]) => snippet.text.slice(start, end))).toEqual(['needle', 'needle']);
    expect(snippet.text).not.toMatch(/[\u202e\u0007]/);
    expect(snippet.text.split('\n').every((line) => line.length <= 240)).toBe(true);
    expect(snippet.text.split('\n')).toHaveLength(4);
  });

  it('show the part of a long chunk that holds the most', () => {
    const text = Array.from({ length: 60 }, (_, at) => (at > 39 && at < 45 ? 'hit' : 'no')).join('\n');
    const spans = [...text.matchAll(/hit/g)].map(({ index }) => [index, index + 3] as const);
    expect(makeSnippet(text, lineStarts(text), { from: 1, to: 60 }, spans).marks).toHaveLength(5);
  });

  it('neutralise one for one', () => {
    const nasty = 'a\0b\u001b[31m\u2028\u202e\ud800c\td\n';
    expect(plainText(nasty)).toHaveLength(nasty.length);
    expect(plainText(nasty)).toBe('a\ufffdb\ufffd[31m\ufffd\ufffd\ufffdc\td\n');
  });
});

describe('queries', () => {
  it('read questions, names, languages and paths', () => {
    const query = parseWordsQuery('how to sort dictionaries by key in Python 3 utils/sorting.py');
    const weights = new Map(query.terms.map(({ term, weight }) => [term, weight]));
    expect(weights.get('sort')).toBe(1);
    expect(weights.get('how')).toBeLessThan(1);
    expect(weights.get('python')).toBeUndefined();
    expect(query.languages).toEqual(['python']);
    expect(query.paths).toEqual(['utils/sorting.py']);
  });

  it('take a question of a language name alone as words', () => {
    expect(parseWordsQuery('python').terms.map(({ term }) => term)).toEqual(['python']);
  });

  it('look for the names a question can mean', () => {
    expect(parseWordsQuery('parse http header').names.get('parse_http_header')).toBe('symbol');
    expect(parseWordsQuery('parse http header').names.get('parsehttp')).toBe('phrase');
    expect(parseWordsQuery('where is getUserById used').names.get('getuserbyid')).toBe('definition');
    expect(parseWordsQuery('getUserById').names.get('getuserbyid')).toBe('symbol');
  });

  it('tell words from code from expressions', () => {
    expect(meantQuery('how do I sort a list', 'auto').mode).toBe('words');
    expect(meantQuery('c++ template', 'auto').mode).toBe('words');
    expect(meantQuery('utils.py', 'auto').mode).toBe('words');
    expect(meantQuery('foo(bar)', 'auto')).toEqual({ mode: 'exact', text: 'foo(bar)', otherwise: 'words' });
    expect(meantQuery('"as it is"', 'auto')).toEqual({ mode: 'exact', text: 'as it is' });
    expect(meantQuery('/a.*b/i', 'auto')).toEqual({ mode: 'regex', text: 'a.*b', ignoreCase: true });
    expect(heedsCase({ mode: 'exact', text: 'foo' }, undefined)).toBe(false);
    expect(heedsCase({ mode: 'exact', text: 'Foo' }, undefined)).toBe(true);
    expect(heedsCase({ mode: 'regex', text: 'foo' }, undefined)).toBe(true);
  });
});

describe('pathFilter', () => {
  it.each([
    ['*.ts', 'src/a/b.ts', true],
    ['*.ts', 'src/a/b.tsx', false],
    ['src/**', 'src/a/b.ts', true],
    ['src/*', 'src/a/b.ts', false],
    ['src/', 'src/a/b.ts', true],
    ['**/{api,http}/*.go', 'x/http/y.go', true],
    ['**/{api,http}/*.go', 'x/rpc/y.go', false],
    ['a?c[0-9].py', 'abc7.py', true],
    ['[!a].py', 'a.py', false],
    ['(a+)+$', '(a+)+$', true],
    ['{{{{{{{{{{a', 'b', false],
    ['/src/x.c', 'src/x.c', true],
  ])('%s on %s: %s', (glob, path, expected) => {
    expect(pathFilter([glob])(path)).toBe(expected);
  });
});

describe('nameDistance', () => {
  it('forgives few errors, in proportion', () => {
    expect(nameDistance('getuser', 'getuser')).toBe(0);
    expect(nameDistance('getusre', 'getuser')).toBe(1);
    expect(nameDistance('gtuser', 'getuser')).toBe(1);
    expect(nameDistance('gubi', 'get_user_by_id')).toBeGreaterThan(4);
    expect(nameDistance('abc', 'xyz')).toBeUndefined();
    expect(nameDistance('ab', 'ac')).toBeUndefined();
  });
});

describe('lists', () => {
  it('TopList keeps the best as sorting would', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60 }), fc.integer({ min: 1, max: 10 }), (scores, size) => {
        const top = new TopList<number>(size);
        for (const [rank, score] of scores.entries()) if (top.admits(score)) top.offer(score, rank, rank);
        const expected = scores.map((score, rank) => ({ score, value: rank })).toSorted((a, b) => b.score - a.score || a.value - b.value);
        expect(top.sorted()).toEqual(expected.slice(0, size));
      }),
    );
  });

  it('mergeByRank keeps each list in order and takes the higher tier first', () => {
    const lists = [['a0', 'a1', 'a2'], ['b2', 'b0'], []];
    expect(mergeByRank(lists, (item) => (item.endsWith('2') ? 2 : 0))).toEqual(['b2', 'a0', 'a1', 'a2', 'b0']);
    expect(mergeByRank(lists, () => 0, 2)).toEqual(['a0', 'b2']);
  });

  it('fitTokens keeps at least one', () => {
    const results = ['x'.repeat(3_000), 'y', 'z'];
    expect(fitTokens(results, 100, (text) => text.slice(0, 10))).toEqual(['xxxxxxxxxx']);
    expect(fitTokens(['a', 'b', 'c'], 2, (text) => text)).toEqual(['a', 'b']);
  });
});
