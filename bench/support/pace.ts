/** How a model answers that is paced by its name. */
export interface Pace {
  readonly tokensPerSecond: number;
  /** Length of an answer, in seconds: anything from the least to the most. */
  readonly seconds: readonly [least: number, most: number];
  /** From the request to the first token. */
  readonly firstMs: number;
}

const NAME = /^paced-([\d.]+)x([\d.]+)(?:to([\d.]+))?(?:after(\d+))?$/;

/** Reads `paced-20x10to30after300`: 20 tokens a second for 10 to 30 seconds, the first after 300 ms. Undefined for any other name. */
export function paceOf(model: string): Pace | undefined {
  const found = NAME.exec(model);
  if (found === null) return undefined;
  const [, rate, least, most = least, firstMs = 0] = found;
  return { tokensPerSecond: Number(rate), seconds: [Number(least), Number(most)], firstMs: Number(firstMs) };
}
