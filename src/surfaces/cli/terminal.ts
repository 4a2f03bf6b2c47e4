import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { PolymniaError } from '../../kernel/errors.ts';
import type { CliDeps } from './cli-deps.ts';
import { createPalette, type Palette, safeJson } from './terminal-text.ts';

const DEFAULT_COLUMNS = 100;

/**
 * The two output streams of one run. A reader that goes away (`polymnia search | head`) aborts `signal`, so that the run
 * ends quietly instead of failing on a broken pipe.
 */
export class Terminal implements Disposable {
  readonly isTty: boolean;
  readonly isErrorTty: boolean;
  readonly columns: number;
  readonly palette: Palette;
  readonly errorPalette: Palette;
  /** Aborts with the run's own signal, and when nobody reads any more. */
  readonly signal: AbortSignal;
  readonly #stdout: Writable;
  readonly #stderr: Writable;
  readonly #abort = new AbortController();
  readonly #outer: AbortSignal;
  #isBroken = false;

  constructor(deps: Pick<CliDeps, 'stdout' | 'stderr' | 'isTty' | 'isErrorTty' | 'columns' | 'env' | 'signal'>) {
    this.#stdout = deps.stdout;
    this.#stderr = deps.stderr;
    this.isTty = deps.isTty;
    this.isErrorTty = deps.isErrorTty ?? deps.isTty;
    this.columns = deps.columns ?? DEFAULT_COLUMNS;
    this.palette = createPalette(this.isTty, deps.env);
    this.errorPalette = createPalette(this.isErrorTty, deps.env);
    this.signal = this.#abort.signal;
    this.#outer = deps.signal;
    if (this.#outer.aborted) this.#onOuter();
    else this.#outer.addEventListener('abort', this.#onOuter, { once: true });
    this.#stdout.on('error', this.#onStdoutError);
    this.#stderr.on('error', this.#onStderrError);
  }

  /** Nobody reads `stdout` any more. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** The stream itself, for whoever owns it for the whole run. */
  get stdout(): Writable {
    return this.#stdout;
  }

  /** Writes lines of text; what comes from outside in it has been made safe by the caller. */
  async print(text: string): Promise<void> {
    await this.write(`${text}\n`);
  }

  /** Writes as it is, as fast as the reader takes it. Rejects with the abort's error. */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (this.signal.aborted) throw this.signal.reason;
    if (this.#stdout.write(chunk)) return;
    await once(this.#stdout, 'drain', { signal: this.signal });
  }

  /** A raw answer: indented for people, one line for programs. */
  async printJson(value: unknown): Promise<void> {
    await this.print(safeJson(JSON.stringify(value, undefined, this.isTty ? 2 : undefined) ?? 'null'));
  }

  /** A line beside the answer: progress, warnings, errors. Never waits; a reader that is gone is no failure. */
  note(text: string): void {
    if (!this.#stderr.destroyed) this.#stderr.write(`${text}\n`);
  }

  /** Writes to `stderr` as it is, for what is drawn over again. */
  draw(text: string): void {
    if (!this.#stderr.destroyed) this.#stderr.write(text);
  }

  [Symbol.dispose](): void {
    this.#outer.removeEventListener('abort', this.#onOuter);
    // The listeners for errors stay: a broken pipe can show itself after the last write.
  }

  readonly #onOuter = (): void => {
    const reason: unknown = this.#outer.reason;
    this.#abort.abort(reason instanceof PolymniaError ? reason : new PolymniaError('cancelled', 'Stopped before the end.', { cause: reason }));
  };

  readonly #onStdoutError = (error: unknown): void => {
    this.#isBroken = true;
    this.#abort.abort(new PolymniaError('cancelled', 'The reader of the output has gone.', { cause: error }));
  };

  readonly #onStderrError = (): void => {};
}
