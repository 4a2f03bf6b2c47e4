import { abortError, throwIfAborted } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { toPolymniaError } from '../../kernel/errors.ts';

/** How long a call that was told to stop may take to say what became of it, before its caller is answered without it. */
const STOP_GRACE_MS = 2000;

/** The work's own outcome; once it was told to stop, that outcome within a grace time, else the reason for stopping. */
export function orStopped<T>(clock: Clock, work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    let cancelGrace = (): void => {};
    const onAbort = (): void => {
      cancelGrace = clock.after(STOP_GRACE_MS, () => reject(abortError(signal)));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
      cancelGrace();
    });
  });
}

/**
 * A stream that tells of its end once, whoever ends it: the last item, a failure, the reader going away, or the deadline while
 * nobody reads.
 */
export function endingStream(items: AsyncIterable<unknown>, signal: AbortSignal, onEnd: (failure?: unknown) => void): AsyncIterableIterator<unknown> {
  const source = items[Symbol.asyncIterator]();
  let open = true;
  const end = (failure?: unknown): void => {
    if (!open) return;
    open = false;
    signal.removeEventListener('abort', onAbort);
    onEnd(failure);
  };
  const onAbort = (): void => end(abortError(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        // What was read ahead is not given out on authority that is gone.
        throwIfAborted(signal);
        const result = await source.next();
        if (result.done === true) end();
        return result;
      } catch (failure) {
        end(failure);
        throw toPolymniaError(failure);
      }
    },
    async return() {
      await source.return?.();
      end();
      return { done: true, value: undefined };
    },
  };
}
