import { afterAll, beforeAll } from 'vitest';

/** Gives the one harness of the surrounding suite, which is made before its tests and disposed of after them. */
export function sharedHarness<Harness extends AsyncDisposable>(make: () => Promise<Harness>): () => Harness {
  let made: Harness | undefined;
  beforeAll(async () => {
    made = await make();
  });
  afterAll(async () => {
    await made?.[Symbol.asyncDispose]();
  });
  return () => {
    if (made === undefined) throw new Error('The harness is made before the tests run.');
    return made;
  };
}
