/** Tokens of one fingerprint. Anything shorter is never found. */
export const GRAM = 50;
/** Of so many neighbouring grams one is kept at least: equal runs of `GRAM + WINDOW - 1` tokens share a fingerprint for certain. */
export const WINDOW = 20;

const FIRST = 0x9e3779b1;
const SECOND = 0x85ebca6b;
/** What the oldest token of a gram has been multiplied by. */
const FIRST_OUT = power(FIRST, GRAM);
const SECOND_OUT = power(SECOND, GRAM);
const SECOND_BITS = 21;

export interface FingerprintSink {
  /** `key`: 53 bits that equal grams share; `at`: place of the gram's first token. */
  add(key: number, at: number): void;
}

/**
 * Picks fingerprints of a run of token hashes so that equal code gives equal fingerprints wherever it stands: of each window of grams
 * the least, of equals the last. Schleimer, Wilkerson, Aiken: Winnowing, SIGMOD 2003. O(tokens).
 */
export function winnow(tokens: Uint32Array, length: number, sink: FingerprintSink): void {
  const grams = length - GRAM + 1;
  if (grams <= 0) return;
  const ring = new Uint32Array(WINDOW);
  const seconds = new Uint32Array(WINDOW);
  let [first, second] = [0, 0];
  for (let at = 0; at < GRAM - 1; at += 1) {
    first = Math.imul(first, FIRST) + (tokens[at] ?? 0);
    second = Math.imul(second, SECOND) + mix(tokens[at] ?? 0);
  }
  let least = -1;
  let told = -1;
  for (let gram = 0; gram < grams; gram += 1) {
    const next = tokens[gram + GRAM - 1] ?? 0;
    const old = gram === 0 ? 0 : (tokens[gram - 1] ?? 0);
    first = (Math.imul(first, FIRST) + next - (gram === 0 ? 0 : Math.imul(old, FIRST_OUT))) | 0;
    second = (Math.imul(second, SECOND) + mix(next) - (gram === 0 ? 0 : Math.imul(mix(old), SECOND_OUT))) | 0;
    const hash = mix(first);
    ring[gram % WINDOW] = hash;
    seconds[gram % WINDOW] = mix(second);
    if (least <= gram - WINDOW) least = leastOf(ring, gram);
    else if (least < 0 || hash <= (ring[least % WINDOW] ?? 0)) least = gram;
    const isWindow = gram >= WINDOW - 1 || gram === grams - 1;
    if (!isWindow || least === told) continue;
    told = least;
    sink.add((ring[least % WINDOW] ?? 0) * 2 ** SECOND_BITS + ((seconds[least % WINDOW] ?? 0) >>> (32 - SECOND_BITS)), least);
  }
}

/** The last of the least in the window that ends with `gram`. */
function leastOf(ring: Uint32Array, gram: number): number {
  let least = Math.max(0, gram - WINDOW + 1);
  for (let at = least + 1; at <= gram; at += 1) if ((ring[at % WINDOW] ?? 0) <= (ring[least % WINDOW] ?? 0)) least = at;
  return least;
}

function power(base: number, exponent: number): number {
  let result = 1;
  for (let at = 0; at < exponent; at += 1) result = Math.imul(result, base);
  return result;
}

/** Spreads every bit over all (MurmurHash3's last step). */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
