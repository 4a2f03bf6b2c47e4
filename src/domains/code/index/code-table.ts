const FIRST_PLACES = 1 << 14;
/** Spreads neighbouring codes (Knuth's multiplicative hashing, 2³² over the golden ratio). */
const SPREAD = 0x9e3779b1;

/** Numbers codes from 0 in the order they are first asked for: open addressing, at most half full. Codes are below 2³². */
export class CodeTable {
  /** Code plus 1, so that 0 is a free place. */
  #keys = new Float64Array(FIRST_PLACES);
  #numbers = new Int32Array(FIRST_PLACES);
  #shift = 32 - Math.log2(FIRST_PLACES);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** A new code gets the next number, `size` before the call. */
  numberOf(code: number): number {
    const mask = this.#keys.length - 1;
    const key = code + 1;
    for (let place = Math.imul(code, SPREAD) >>> this.#shift; ; place = (place + 1) & mask) {
      const found = this.#keys[place] ?? 0;
      if (found === key) return this.#numbers[place] ?? 0;
      if (found === 0) return this.#insert(place, key);
    }
  }

  /** All codes, rising. */
  sorted(): Uint32Array {
    const codes = new Uint32Array(this.#size);
    let count = 0;
    for (const key of this.#keys) if (key > 0) codes[count++] = key - 1;
    return codes.sort();
  }

  #insert(place: number, key: number): number {
    const number = this.#size++;
    this.#keys[place] = key;
    this.#numbers[place] = number;
    if (this.#size * 2 > this.#keys.length) this.#enlarge();
    return number;
  }

  #enlarge(): void {
    const keys = this.#keys;
    const numbers = this.#numbers;
    this.#keys = new Float64Array(keys.length * 2);
    this.#numbers = new Int32Array(keys.length * 2);
    this.#shift -= 1;
    const mask = this.#keys.length - 1;
    for (const [at, key] of keys.entries()) {
      if (key === 0) continue;
      let place = Math.imul(key - 1, SPREAD) >>> this.#shift;
      while (this.#keys[place] !== 0) place = (place + 1) & mask;
      this.#keys[place] = key;
      this.#numbers[place] = numbers[at] ?? 0;
    }
  }
}
