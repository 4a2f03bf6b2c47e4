import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PolymniaError } from '../../kernel/errors.ts';
import { readCursor, writeCursor } from './cursor.ts';

const SPACE = '00000000000000aa';
const END = { uuid: '0'.repeat(31) + 'f', occurredAt: -5, range: { sinceMs: 1, untilMs: 9 } };

describe('cursor', () => {
  it('comes back as it went', () => {
    expect(readCursor(SPACE, { type: 'note' }, writeCursor(SPACE, { type: 'note' }, END))).toEqual(END);
  });

  it('does not mind the order of fields', () => {
    const cursor = writeCursor(SPACE, { metadata: { a: 1, b: 2 }, type: 'x' }, END);
    expect(readCursor(SPACE, { type: 'x', metadata: { b: 2, a: 1 } }, cursor)).toEqual(END);
  });

  it.each([
    ['another space', 'ffffffffffffffff', { type: 'note' }],
    ['other conditions', SPACE, { type: 'task' }],
    ['fewer conditions', SPACE, {}],
  ] as const)('is refused in %s', (_name, space, conditions) => {
    const cursor = writeCursor(SPACE, { type: 'note' }, END);
    expect(() => readCursor(space, conditions, cursor)).toThrow('does not belong');
  });

  it('any other text is refused as invalid input', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          readCursor(SPACE, {}, text);
          return false;
        } catch (error) {
          return error instanceof PolymniaError && error.code === 'invalid_input';
        }
      }),
    );
  });
});
