import type { Clock } from '../../kernel/clock.ts';
import { formatBytes, formatCount, formatDuration } from './human-values.ts';
import type { Terminal } from './terminal.ts';
import { clip, safeLine } from './terminal-text.ts';

/** How far something has come. */
export interface Step {
  readonly phase: string;
  readonly done: number;
  readonly total?: number;
  readonly unit: string;
}

/** A bar is drawn at most so often; a plain line, where there is no terminal, far more rarely. */
const REDRAW_MS = 100;
const LINE_MS = 5000;
const BAR_COLUMNS = 24;
/** Before this share of the work or time has passed, what remains would be a guess. */
const MIN_SHARE = 0.02;
const MIN_MS = 1000;

/** Progress on `stderr`: a bar drawn over itself on a terminal, else a line every few seconds. Dispose it to leave a clean line. */
export class ProgressBar implements Disposable {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  #phase: string | undefined;
  #startedAt = 0;
  #drawnAt = -Infinity;
  #isDrawn = false;

  constructor(terminal: Terminal, clock: Clock) {
    this.#terminal = terminal;
    this.#clock = clock;
  }

  show(step: Step): void {
    const now = this.#clock.monotonic();
    if (step.phase !== this.#phase) {
      this.#phase = step.phase;
      this.#startedAt = now;
      this.#drawnAt = this.#terminal.isErrorTty ? -Infinity : now;
    }
    const isEnd = step.total !== undefined && step.done >= step.total;
    if (this.#terminal.isErrorTty ? now - this.#drawnAt < REDRAW_MS && !isEnd : now - this.#drawnAt < LINE_MS) return;
    this.#drawnAt = now;
    const text = this.#text(step, now - this.#startedAt);
    if (!this.#terminal.isErrorTty) return this.#terminal.note(text);
    this.#isDrawn = true;
    this.#terminal.draw(`\r\u001b[2K${clip(text, this.#terminal.columns - 1)}`);
  }

  [Symbol.dispose](): void {
    if (this.#isDrawn) this.#terminal.draw('\r\u001b[2K');
    this.#isDrawn = false;
  }

  #text({ phase, done, total, unit }: Step, elapsedMs: number): string {
    const amount = (value: number): string => (unit === 'bytes' ? formatBytes(value) : formatCount(value));
    const name = unit === 'bytes' ? '' : ` ${safeLine(unit)}`;
    const rate = elapsedMs < MIN_MS ? '' : `, ${amount(Math.round((done * 1000) / elapsedMs))}/s`;
    if (total === undefined || total <= 0) return `${safeLine(phase)}  ${amount(done)}${name}${rate}`;
    const share = Math.min(1, done / total);
    const filled = Math.round(share * BAR_COLUMNS);
    const bar = this.#terminal.isErrorTty ? `${'█'.repeat(filled)}${'░'.repeat(BAR_COLUMNS - filled)} ` : '';
    const left = elapsedMs < MIN_MS || share < MIN_SHARE || share === 1 ? '' : `, ${formatDuration((elapsedMs * (1 - share)) / share)} left`;
    return `${safeLine(phase)}  ${bar}${String(Math.floor(share * 100)).padStart(3)} %  ${amount(done)} of ${amount(total)}${name}${rate}${left}`;
  }
}
