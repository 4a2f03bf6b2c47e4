/** Parses JSON from outside; undefined for what is none. Whoever calls it says what that means. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
