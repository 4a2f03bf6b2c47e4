import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkTerms } from './chunk-terms.ts';
import { identifierTerms } from './identifier-terms.ts';
import { leadText } from './lead-text.ts';
import { stemWord } from './stem-word.ts';

describe('identifierTerms', () => {
  it.each([
    ['getUserById', ['get', 'user', 'by', 'id', 'getuserbyid']],
    ['get_user_by_id', ['get', 'user', 'by', 'id', 'getuserbyid']],
    ['GET_USER', ['get', 'user', 'getuser']],
    ['HTTPServer2', ['http', 'server', '2', 'httpserver2']],
    ['__init__', ['init']],
    ['x', []],
    ['items', ['item']],
    ['größeMaß', ['größe', 'maß', 'größemaß']],
    ['日本語', ['日本', '本語']],
    ['0123456789abcdef0123456789', ['abcdef', '0123456789abcdef0123456789']],
  ])('%s → %j', (word, terms) => {
    expect(identifierTerms(word)).toEqual(terms);
  });
});

describe('stemWord', () => {
  it('brings forms of a word together', () => {
    for (const forms of [
      ['parse', 'parses', 'parsed', 'parsing'],
      ['query', 'queries'],
      ['class', 'classes'],
      ['split', 'splitting'],
      ['box', 'boxes'],
    ]) {
      expect(new Set(forms.map(stemWord)).size).toBe(1);
    }
  });

  it('keeps what tells names apart', () => {
    expect(new Set(['iterator', 'iterable', 'iteration'].map(stemWord)).size).toBe(3);
    expect(['string', 'bus', 'is', 'this', 'v2'].map(stemWord)).toEqual(['string', 'bus', 'is', 'this', 'v2']);
  });
});

describe('leadText', () => {
  it.each([
    ['def f(x):\n    """Fetch it.\n\n    Args:\n      x: what\n    """', 'Fetch it.'],
    ['def f():\n    """\n    First line\n    and second.\n\n    Third."""', 'First line and second.'],
    ['/**\n * Opens a file.\n * @param path where\n */\nfunction open(path) {}', 'Opens a file.'],
    ['// One\n// two\n\nfunc x() {}', 'One two'],
    ['/// Rust says\nfn x() {}', 'Rust says'],
    ['/* short */ int x;', 'short'],
    ['int x;', ''],
    ['#include <x.h>\nint y;', ''],
  ])('%j → %j', (text, lead) => {
    expect(
      leadText(text)
        .replaceAll(/[*/"]+|\s+/g, ' ')
        .replaceAll(/\s+/g, ' ')
        .replace(/ int x;$/, '')
        .trim(),
    ).toBe(lead);
  });
});

describe('chunkTerms', () => {
  const chunk = {
    text: 'def load_config(path):\n    """Read the settings."""\n    return parse(path)',
    symbol: { name: 'load_config', kind: 'function', container: 'App' },
    path: 'src/core/settings.py',
    language: 'python',
  };

  it('weighs the name, the first words of the documentation and the end of the path', () => {
    const terms = chunkTerms(chunk);
    expect(terms.get('load')).toBe(5);
    expect(terms.get('loadconfig')).toBe(5);
    expect(terms.get('set')).toBe(3);
    expect(terms.get('cor')).toBe(1);
    expect(terms.get('src')).toBeUndefined();
    expect(terms.get('app')).toBe(1);
    expect(terms.get('pars')).toBe(1);
  });

  it('answers whole positive numbers, whatever the text, and the same for the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.string({ maxLength: 60 }), (text, path) => {
        const terms = chunkTerms({ text, path, language: 'text' });
        for (const [term, weight] of terms) {
          expect(term.length).toBeGreaterThan(0);
          expect(Number.isInteger(weight) && weight > 0).toBe(true);
        }
        expect(chunkTerms({ text, path, language: 'text' })).toEqual(terms);
      }),
      { numRuns: 50 },
    );
  });

  it('is bounded: words that are data give no terms, a chunk at most 2,000', () => {
    expect(chunkTerms({ text: 'a1'.repeat(5_000), path: '', language: 'text' }).size).toBe(0);
    const many = Array.from({ length: 5_000 }, (_, at) => `w${String.fromCodePoint(97 + (at % 26))}${at.toString(36)}q`).join(' ');
    expect(chunkTerms({ text: many, path: '', language: 'text' }).size).toBe(2_000);
  });
});
