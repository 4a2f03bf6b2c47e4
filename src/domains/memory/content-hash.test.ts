import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentHash } from './content-hash.ts';

const hex = (type: string, content: string) => contentHash(type, content).toString('hex');

describe('contentHash', () => {
  it('is 32 bytes and stays what it was: stored hashes depend on it', () => {
    expect(contentHash('note', 'hello')).toHaveLength(32);
    expect(hex('note', 'hello')).toBe('ab042543afa69c91a7b6f03767f7401768e06bdce5a158212a03c364bbd53c94');
  });

  it('sees composed and decomposed letters as one text', () => {
    expect(hex('note', 'cafe\u0301')).toBe(hex('note', 'caf\u00e9'));
  });

  it.each(['hello ', 'Hello', 'hello\n', ' hello', 'ﬁne'])('keeps %j apart from its look-alikes', (content) => {
    expect(hex('note', content)).not.toBe(hex('note', content.normalize('NFKC').trim().toLowerCase()));
  });

  it('takes a lone surrogate as what reaches the disk', () => {
    expect(hex('note', 'a\ud800')).toBe(hex('note', 'a\ufffd'));
  });

  it('never lets type and content run into each other', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.nat(10), (type, content, cut) => {
        const moved = Math.min(cut, content.length);
        fc.pre(moved > 0);
        expect(hex(type + content.slice(0, moved), content.slice(moved))).not.toBe(hex(type, content));
      }),
    );
  });
});
