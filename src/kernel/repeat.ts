import type { Clock } from './clock.ts';

/** Runs `work` every `ms`, never twice at once. The returned function ends it, and resolves when nothing of it runs any more. */
export function repeat(clock: Clock, ms: number, work: () => Promise<void>): () => Promise<void> {
  let ended = false;
  let cancel = (): void => {};
  let running: Promise<void> = Promise.resolve();
  const wait = (): void => {
    if (!ended) cancel = clock.after(ms, () => void (running = work().then(wait)));
  };
  wait();
  return () => {
    ended = true;
    cancel();
    return running;
  };
}
