import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from './clock.ts';

/** Where randomness comes from; tests pass a seeded one. */
export type RandomBytes = (size: number) => Uint8Array;

/** Crockford's base 32, lower case: no i, l, o, u, so ids survive being read aloud. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const VALUE_BY_CHARACTER = new Map(Array.from(ALPHABET, (character, value) => [character, value]));

/** Bytes to base 32, most significant bit first, the last character padded with zero bits. */
export function toBase32(bytes: Uint8Array): string {
  let text = '';
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(buffer >>> bits) & 31];
    }
    buffer &= (1 << bits) - 1;
  }
  return bits > 0 ? text + ALPHABET[(buffer << (5 - bits)) & 31] : text;
}

/** The inverse of {@link toBase32}; undefined when the text is not exactly the encoding of `size` bytes. */
export function fromBase32(text: string, size: number): Uint8Array | undefined {
  if (text.length !== Math.ceil((size * 8) / 5)) return undefined;
  const bytes = new Uint8Array(size);
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (const character of text) {
    const value = VALUE_BY_CHARACTER.get(character);
    if (value === undefined) return undefined;
    buffer = (buffer << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (buffer >>> bits) & 255;
    }
    buffer &= (1 << bits) - 1;
  }
  return buffer === 0 ? bytes : undefined;
}

/** A space's key: 64 random bits as 16 hex digits. It names the space's file and leads the id of all that is stored in it. */
export type SpaceKey = string;

const SPACE_KEY = /^[0-9a-f]{16}$/;

export function isSpaceKey(text: string): boolean {
  return SPACE_KEY.test(text);
}

/** Every kind of record id there is, with the noun messages use for it. */
export const RECORD_NOUNS = { mem: 'memory', repo: 'repository', conv: 'conversation', turn: 'turn' } as const;
export type RecordKind = keyof typeof RECORD_NOUNS;

/** What a public record id says: its kind, the space that holds it, and the record's own UUIDv7. */
export interface RecordId {
  readonly kind: RecordKind;
  readonly space: SpaceKey;
  /** 32 hex digits. */
  readonly uuid: string;
}

/** `<kind>_` + base32(space key ‖ UUIDv7): 39 characters after the underscore. */
export function formatRecordId(id: RecordId): string {
  return `${id.kind}_${toBase32(Buffer.from(id.space + id.uuid, 'hex'))}`;
}

/** Parses a public record id of the given kind; undefined for anything that {@link formatRecordId} did not make. */
export function parseRecordId(kind: RecordKind, text: string): RecordId | undefined {
  if (!text.startsWith(`${kind}_`)) return undefined;
  const bytes = fromBase32(text.slice(kind.length + 1), 24);
  if (bytes === undefined) return undefined;
  const hex = Buffer.from(bytes).toString('hex');
  return { kind, space: hex.slice(0, 16), uuid: hex.slice(16) };
}

/** Makes every id of the product. */
export interface Ids {
  /** UUIDv7 (RFC 9562) as 32 hex digits: time-ordered, unique, for records. */
  uuid(): string;
  /** A new space's key. */
  spaceKey(): SpaceKey;
  /** `prefix_` + 128 random bits: for users, spaces, keys, jobs, requests. Knowing one is never a right. */
  handle(prefix: string): string;
  /** A new API key: `pmn_` + 256 random bits. Shown once, stored only as its hash. */
  secret(): string;
}

/** Ids from a clock and a source of randomness. UUIDs made by one instance are strictly increasing. */
export function createIds(clock: Clock, random: RandomBytes = randomBytes): Ids {
  let lastMs = 0;
  let counter = 0;
  return {
    uuid() {
      const now = clock.now();
      if (now > lastMs) {
        lastMs = now;
        counter = random(1)[0] ?? 0;
      } else if (++counter > 0xfff) {
        lastMs += 1;
        counter = 0;
      }
      const tail = random(8);
      tail[0] = ((tail[0] ?? 0) & 0x3f) | 0x80;
      return lastMs.toString(16).padStart(12, '0') + (0x7000 | counter).toString(16) + Buffer.from(tail).toString('hex');
    },
    spaceKey: () => Buffer.from(random(8)).toString('hex'),
    handle: (prefix) => `${prefix}_${toBase32(random(16))}`,
    secret: () => `pmn_${toBase32(random(32))}`,
  };
}

/** SHA-256 of a secret, as it is stored and looked up. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
