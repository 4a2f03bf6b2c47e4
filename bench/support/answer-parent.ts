import { setPriority } from 'node:os';

/** Punctual beside a busy server on the same processors, where the system allows it. */
const PRIORITY = -10;

/** The other end of `AskedProcess`: answers the parent's messages one after the other, and ends with it. */
export function answerParent(answer: (message: unknown) => object | Promise<object>): void {
  try {
    setPriority(PRIORITY);
  } catch {
    // Only the superuser may; the lateness that is reported tells whether it was needed.
  }
  let line: Promise<unknown> = Promise.resolve();
  process.on('message', (message) => {
    line = line.then(async () => process.send?.(await answer(message)));
  });
  process.on('disconnect', () => process.exit());
}
