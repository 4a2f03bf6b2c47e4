import { createHash } from 'node:crypto';

/**
 * SHA-256 (32 bytes) that tells whether two memories are the same: over the length of the type, the type, and the content,
 * both in Unicode normalisation form C. Nothing else is folded: white space and case can carry meaning (code, poems), and to
 * answer "already stored" for a text that differs would lose it. A lone surrogate counts as U+FFFD, as it does on disk.
 */
export function contentHash(type: string, content: string): Buffer {
  const typeBytes = Buffer.from(type.normalize('NFC'), 'utf8');
  return createHash('sha256').update(`${typeBytes.length}:`).update(typeBytes).update(content.normalize('NFC'), 'utf8').digest();
}
