import type { Clock } from '../../kernel/clock.ts';
import type { Progress } from '../../kernel/operation.ts';

/** At most five notifications a second and call. */
const MIN_INTERVAL_MS = 200;

/** Progress as MCP wants it: a number that only rises over the whole call, whatever the phases. */
export interface ProgressValue {
  readonly progress: number;
  readonly total?: number;
  readonly message: string;
}

/** Feeds one call's progress to its client. Dispose it when the call ends: nothing is sent after that. */
export interface ProgressNotifier extends Disposable {
  report(progress: Progress): void;
}

/**
 * Thins progress to one message in 200 ms and makes it rise strictly. A report inside the interval waits for its end,
 * unless a later one replaces it, so the last state is never lost while the call goes on. Each phase counts on from
 * the value where the one before stopped, and so does its total.
 */
export function createProgressNotifier(clock: Clock, send: (value: ProgressValue) => void): ProgressNotifier {
  let phase: string | undefined;
  let base = 0;
  let reached = 0;
  let sent = -1;
  let nextAt = -Infinity;
  let waiting: ProgressValue | undefined;
  let cancelTimer: (() => void) | undefined;

  const flush = (): void => {
    cancelTimer = undefined;
    if (waiting === undefined) return;
    sent = waiting.progress;
    nextAt = clock.monotonic() + MIN_INTERVAL_MS;
    send(waiting);
    waiting = undefined;
  };

  return {
    report(progress) {
      if (progress.phase !== phase) {
        phase = progress.phase;
        base = reached;
      }
      reached = Math.max(reached, base + progress.done);
      if (reached <= sent) return;
      waiting = toValue(progress, base, reached);
      const wait = nextAt - clock.monotonic();
      if (wait <= 0) {
        cancelTimer?.();
        flush();
      } else cancelTimer ??= clock.after(wait, flush);
    },
    [Symbol.dispose]() {
      cancelTimer?.();
      waiting = undefined;
    },
  };
}

function toValue(progress: Progress, base: number, reached: number): ProgressValue {
  return {
    progress: reached,
    ...(progress.total === undefined ? {} : { total: base + progress.total }),
    message: progress.message ?? `${progress.phase}: ${progress.done} ${progress.unit}`,
  };
}
