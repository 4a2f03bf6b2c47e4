import { assert, property, string } from 'fast-check';
import { expect, it } from 'vitest';
import { clientName } from './client-name.ts';

it.each([
  [{ name: 'Claude Code', version: '2.1' }, 'agent/1', 'Claude Code 2.1'],
  [{ name: 'only-name' }, null, 'only-name'],
  [undefined, 'agent/1', 'agent/1'],
  [{ name: 5, version: {} }, 'agent/1', 'agent/1'],
  [{ name: '\u0000\u202e ' }, undefined, undefined],
  [{ name: 'two\nlines\u0007' }, null, 'two lines'],
])('makes of %j and %j the name %j', (info, agent, expected) => {
  expect(clientName(info, agent)).toBe(expected);
});

it('is short, well formed and printable whatever a client calls itself', () => {
  assert(
    property(string({ unit: 'binary', maxLength: 400 }), string({ unit: 'binary-ascii', maxLength: 400 }), (name, version) => {
      const result = clientName({ name, version }, undefined) ?? 'nothing left';
      expect(result.length).toBeLessThanOrEqual(200);
      expect(result.isWellFormed()).toBe(true);
      expect(result).not.toMatch(/\p{C}/u);
    }),
  );
});
