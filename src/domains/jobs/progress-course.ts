import type { Clock } from '../../kernel/clock.ts';
import type { Progress } from '../../kernel/operation.ts';
import type { JobProgress } from './model.ts';

/** The rate is that of the last half minute of a phase. */
const WINDOW_MS = 30_000;
/** Points kept of that half minute, and how far apart they are at least. */
const MAX_POINTS = 64;
const POINT_MS = WINDOW_MS / MAX_POINTS;
/** A rate from less than this would jump about. */
const SHORTEST_SPAN_MS = 500;

interface Point {
  readonly at: number;
  readonly done: number;
}

/** The course of one run: turns what an operation reports into a progress that never falls within a phase, with rate and rest. */
export class ProgressCourse {
  readonly #clock: Clock;
  #points: Point[] = [];
  #latest: JobProgress | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get latest(): JobProgress | undefined {
    return this.#latest;
  }

  report(progress: Progress): JobProgress {
    const before = this.#latest?.phase === progress.phase ? this.#latest : undefined;
    if (before === undefined) this.#points = [];
    const done = Math.max(before?.done ?? 0, progress.done);
    const total = progress.total === undefined ? undefined : Math.max(progress.total, done);
    const rate = this.#rate(done);
    this.#latest = {
      phase: progress.phase,
      done,
      unit: progress.unit,
      ...(total === undefined ? {} : { total }),
      ...(progress.message === undefined ? {} : { message: progress.message }),
      ...(rate === undefined ? {} : { rate }),
      ...(rate === undefined || rate === 0 || total === undefined ? {} : { remainingMs: Math.round(((total - done) / rate) * 1000) }),
      at: this.#clock.now(),
    };
    return this.#latest;
  }

  /** Units a second since the oldest point of the window; undefined while that is too short a time. */
  #rate(done: number): number | undefined {
    const at = this.#clock.monotonic();
    const last = this.#points.at(-1);
    if (last === undefined || at - last.at >= POINT_MS) this.#points.push({ at, done });
    while (this.#points.length > 1 && at - (this.#points[0]?.at ?? at) > WINDOW_MS) this.#points.shift();
    const [first] = this.#points;
    if (first === undefined || at - first.at < SHORTEST_SPAN_MS) return undefined;
    return ((done - first.done) / (at - first.at)) * 1000;
  }
}
