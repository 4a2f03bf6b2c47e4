/** Lets a bounded number of tasks run at once; the others wait in a bounded line, first come first served. */
export interface InFlightLimit {
  /** Resolves true with a permit (give it back with `leave`), or false at once when the line is full or the signal aborts. */
  enter(signal: AbortSignal): Promise<boolean>;
  leave(): void;
}

export function createInFlightLimit(maxRunning: number, maxWaiting: number): InFlightLimit {
  const waiting = new Set<() => void>();
  let running = 0;
  return {
    enter(signal) {
      if (signal.aborted) return Promise.resolve(false);
      if (running < maxRunning) {
        running += 1;
        return Promise.resolve(true);
      }
      if (waiting.size >= maxWaiting) return Promise.resolve(false);
      return new Promise((resolve) => {
        const onAbort = (): void => {
          waiting.delete(admit);
          resolve(false);
        };
        const admit = (): void => {
          signal.removeEventListener('abort', onAbort);
          resolve(true);
        };
        waiting.add(admit);
        signal.addEventListener('abort', onAbort, { once: true });
      });
    },
    leave() {
      const [next] = waiting;
      if (next === undefined) running -= 1;
      else {
        waiting.delete(next);
        next();
      }
    },
  };
}
