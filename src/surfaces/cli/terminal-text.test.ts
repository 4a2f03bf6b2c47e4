import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clip, createPalette, displayWidth, padEnd, safeBlock, safeJson, safeLine } from './terminal-text.ts';
import { formatTable } from './text-table.ts';

/** Stated apart from the implementation: what a terminal may act on. */
const ACTS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/;

const hostile = fc
  .array(
    fc.constantFrom('\u001b[2J', '\u001b]0;x\u0007', '\u009b31m', '\r', '\b', '\u007f', '\u202e', '\u2028', 'a', '\n', '\t', '漢', '👩‍👩‍👧', '\ud800'),
  )
  .map((parts) => parts.join(''));

test('nothing that is stored can control a terminal', () => {
  fc.assert(
    fc.property(fc.oneof(hostile, fc.string({ unit: 'binary' })), (text) => {
      expect(safeBlock(text)).not.toMatch(ACTS);
      expect(safeLine(text)).not.toMatch(ACTS);
      expect(safeLine(text)).not.toContain('\n');
    }),
  );
});

/** Lies beside the checkout, not in it. */
const NAUGHTY = join(import.meta.dirname, '../../../../shared/data/naughty-strings.json');

test.skipIf(!existsSync(NAUGHTY))('naughty strings stay on their line and without effect', () => {
  const strings = JSON.parse(readFileSync(NAUGHTY, 'utf8')) as unknown[];
  const texts = strings.filter((value) => typeof value === 'string');
  expect(texts.length).toBeGreaterThan(100);
  for (const text of texts) expect(safeLine(text)).not.toMatch(ACTS);
});

test('safe JSON means the same and holds no control character', () => {
  fc.assert(
    fc.property(fc.oneof(hostile, fc.string({ unit: 'binary' })), (text) => {
      const json = safeJson(JSON.stringify({ text }));
      expect(json).not.toMatch(ACTS);
      expect(JSON.parse(json)).toEqual({ text });
    }),
  );
});

test('clipped text is never wider than asked for', () => {
  fc.assert(
    fc.property(fc.oneof(hostile, fc.string({ unit: 'grapheme' })).map(safeLine), fc.integer({ min: 2, max: 40 }), (text, width) => {
      expect(displayWidth(clip(text, width))).toBeLessThanOrEqual(width);
      expect(displayWidth(padEnd(clip(text, width), width))).toBe(width);
    }),
  );
});

test('colours need a terminal and no NO_COLOR', () => {
  expect(createPalette(true, {}).bold('x')).toBe('\u001b[1mx\u001b[22m');
  expect(createPalette(true, { NO_COLOR: '1' }).bold('x')).toBe('x');
  expect(createPalette(true, { TERM: 'dumb' }).bold('x')).toBe('x');
  expect(createPalette(false, {}).bold('x')).toBe('x');
});

test('a table fits, and never cuts an id', () => {
  const id = 'user_eykh76t822x1wp8q99f4tfm4d0';
  const table = formatTable(
    ['id', 'name', 'n'],
    [
      [id, 'x'.repeat(200), '7'],
      [id, '\u001b[31mred', '12'],
    ],
    createPalette(false, {}),
    80,
  );
  expect(table.split('\n').every((line) => line.length <= 80)).toBe(true);
  expect(table).toContain(`${id}  xxx`);
  expect(table).toContain('…   7');
  expect(table).not.toMatch(ACTS);
});
