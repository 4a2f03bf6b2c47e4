/** Places of fingerprints that were kept, in the order they came: by file, then by token. */
export interface FingerprintRows {
  readonly length: number;
  readonly keys: Float64Array;
  readonly files: Uint32Array;
  /** First token. */
  readonly tokens: Uint32Array;
  /** Line of the first token and of the last. */
  readonly lines: Uint32Array;
  readonly endLines: Uint32Array;
}

const BYTES_EACH = 24;

/**
 * Fingerprints in bounded memory. When it is full, those whose key is odd go, then those not divisible by 4, and so on: what stays
 * depends on the keys alone, so equal code still has equal fingerprints, only fewer of them.
 */
export class Fingerprints implements FingerprintRows {
  keys = new Float64Array(1 << 12);
  files = new Uint32Array(1 << 12);
  tokens = new Uint32Array(1 << 12);
  lines = new Uint32Array(1 << 12);
  endLines = new Uint32Array(1 << 12);
  length = 0;
  /** Those that came, kept or not. */
  seen = 0;
  readonly #capacity: number;
  #divisor = 1;

  constructor(maxBytes: number) {
    this.#capacity = Math.max(1 << 12, 2 ** Math.floor(Math.log2(maxBytes / BYTES_EACH)));
  }

  add(key: number, file: number, token: number, line: number, endLine: number): void {
    this.seen += 1;
    if (this.length === this.keys.length) this.#makeRoom();
    if (key % this.#divisor !== 0) return;
    const at = this.length;
    this.keys[at] = key;
    this.files[at] = file;
    this.tokens[at] = token;
    this.lines[at] = line;
    this.endLines[at] = endLine;
    this.length += 1;
  }

  #makeRoom(): void {
    if (this.length < this.#capacity) this.#grow();
    // Equal keys cannot be thinned out: beyond a bound every place of them would be one too many anyway.
    for (let tries = 0; this.length === this.#capacity && tries < 32; tries += 1) this.#thin();
    if (this.length === this.#capacity) this.length = 0;
  }

  #grow(): void {
    const size = this.keys.length * 2;
    const { keys } = this;
    this.keys = new Float64Array(size);
    this.keys.set(keys);
    this.files = doubled(this.files);
    this.tokens = doubled(this.tokens);
    this.lines = doubled(this.lines);
    this.endLines = doubled(this.endLines);
  }

  #thin(): void {
    this.#divisor *= 2;
    let kept = 0;
    for (let at = 0; at < this.length; at += 1) {
      const key = this.keys[at] ?? 0;
      if (key % this.#divisor !== 0) continue;
      this.keys[kept] = key;
      this.files[kept] = this.files[at] ?? 0;
      this.tokens[kept] = this.tokens[at] ?? 0;
      this.lines[kept] = this.lines[at] ?? 0;
      this.endLines[kept] = this.endLines[at] ?? 0;
      kept += 1;
    }
    this.length = kept;
  }
}

function doubled(from: Uint32Array): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(from.length * 2);
  to.set(from);
  return to;
}
