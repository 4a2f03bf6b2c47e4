import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SCOPES } from '../../kernel/operation.ts';
import { excessOf, type Grant, withinBounds } from './delegation.ts';

const grants: fc.Arbitrary<Grant> = fc
  .record({
    scopes: fc.subarray([...SCOPES]),
    spaces: fc.option(fc.subarray(['a', 'b', 'c', 'd']), { nil: undefined }),
    expiresAt: fc.option(fc.nat(5), { nil: undefined }),
  })
  .map(({ scopes, spaces, expiresAt }) => ({ scopes, ...(spaces !== undefined && { spaces }), ...(expiresAt !== undefined && { expiresAt }) }));

/** What a grant allows at a time in a space, spelled out. */
function allowed(grant: Grant): Set<string> {
  const points = new Set<string>();
  for (const scope of grant.scopes) {
    for (const space of ['a', 'b', 'c', 'd', 'any other']) {
      for (const time of [0, 1, 2, 3, 4, 5, 6]) {
        const isIn = (grant.spaces?.includes(space) ?? true) && time < (grant.expiresAt ?? Infinity);
        if (isIn) points.add(`${scope} ${space} ${time}`);
      }
    }
  }
  return points;
}

test('what is granted is never more than the creator holds, however long the chain', () => {
  fc.assert(
    fc.property(grants, fc.array(grants, { maxLength: 4 }), (root, wishes) => {
      let holder = root;
      for (const wish of wishes) {
        const granted = withinBounds(holder, wish);
        if (excessOf(holder, granted) !== undefined) continue;
        expect(allowed(granted).isSubsetOf(allowed(holder))).toBe(true);
        expect(granted.scopes).toEqual(wish.scopes);
        holder = granted;
      }
      expect(allowed(holder).isSubsetOf(allowed(root))).toBe(true);
    }),
  );
});

test('what lies within the creator is never refused', () => {
  fc.assert(
    fc.property(grants, (grant) => {
      expect(excessOf(grant, withinBounds(grant, grant))).toBeUndefined();
      expect(excessOf({ scopes: SCOPES }, grant)).toBeUndefined();
    }),
  );
});

test('each excess is named', () => {
  const creator: Grant = { scopes: ['memory:read'], spaces: ['a'], expiresAt: 10 };
  expect(excessOf(creator, { ...creator, scopes: ['memory:read', 'admin'] })).toContain('admin');
  expect(excessOf(creator, { ...creator, spaces: ['a', 'b'] })).toContain('fewer spaces');
  expect(excessOf(creator, { scopes: [], expiresAt: 10 })).toContain('fewer spaces');
  expect(excessOf(creator, { ...creator, expiresAt: 11 })).toContain('expires earlier');
});
