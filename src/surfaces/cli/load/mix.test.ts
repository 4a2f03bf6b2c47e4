import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../../kernel/seeded-random.ts';
import { LOAD_OPERATION_NAMES, parseMix, pickOperation } from './mix.ts';

describe('parseMix', () => {
  it('makes shares of weights', () => {
    expect(parseMix('retrieve=70, store=30')).toEqual([
      { operation: 'retrieve', share: 0.7 },
      { operation: 'store', share: 0.3 },
    ]);
  });

  it.each(['', 'retrieve', 'retrieve=', 'retrieve=-1', 'drop=5', 'retrieve=1=2', 'store=0', 'store=1,store=2', 'retrieve=1,'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseMix(text)).toThrow(expect.objectContaining({ code: 'invalid_input' }));
    },
  );

  it('shares always sum to 1', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom(...LOAD_OPERATION_NAMES), { minLength: 1 }),
        fc.array(fc.integer({ min: 1, max: 999 }), { minLength: 3, maxLength: 3 }),
        (names, weights) => {
          const mix = parseMix(names.map((name, at) => `${name}=${weights[at]}`).join(','));
          expect(mix.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 10);
        },
      ),
    );
  });
});

it('picks each operation as often as its share says, and never one of share 0', () => {
  const random = createSeededRandom(3);
  const mix = parseMix('retrieve=3,store=1,search=0');
  const picked = Map.groupBy(Array.from({ length: 20_000 }, random), (value) => pickOperation(mix, value));
  expect((picked.get('retrieve')?.length ?? 0) / 20_000).toBeCloseTo(0.75, 2);
  expect(picked.has('search')).toBe(false);
  expect(pickOperation(mix, 0.999_999_999)).toBe('store');
});
