import { BoundedMap } from '../../../kernel/bounded-map.ts';
import { openCell } from './open-cell.ts';
import type { OpenCell, OpenContext } from './open-cell.ts';

/** The files one thread has open, least recently used closed first. Never more than `config.openFiles`. */
export class CellCache implements Disposable {
  readonly #context: OpenContext;
  readonly #cells: BoundedMap<string, OpenCell>;
  #closed: string[] = [];

  constructor(context: OpenContext) {
    this.#context = context;
    const onEvict = (space: string, open: OpenCell): void => {
      this.#closed.push(space);
      open[Symbol.dispose]();
    };
    this.#cells = new BoundedMap({ maxSize: context.config.openFiles, onEvict });
  }

  /** The space's open file, and whether it had to be opened for this. */
  get(space: string, create: boolean): { readonly cell: OpenCell | 'absent' | 'stale'; readonly opened: boolean } {
    const known = this.#cells.get(space);
    if (known !== undefined) return { cell: known, opened: false };
    const cell = openCell(space, create, this.#context);
    if (typeof cell !== 'string') this.#cells.set(space, cell);
    return { cell, opened: true };
  }

  /** Closes one file; nothing happens when it is not open. */
  release(space: string): void {
    const known = this.#cells.get(space);
    if (known === undefined) return;
    this.#cells.delete(space);
    this.#closed.push(space);
    known[Symbol.dispose]();
  }

  /** Spaces closed since the last call. */
  takeClosed(): readonly string[] {
    const closed = this.#closed;
    this.#closed = [];
    return closed;
  }

  /** Bytes in the logs of all open files, as of their last commit. */
  get walBytes(): number {
    let total = 0;
    for (const [, open] of this.#cells) total += open.walBytes;
    return total;
  }

  /** Cuts the log of one file that has one; false when none has. */
  truncateNextWal(): boolean {
    for (const [, open] of this.#cells) {
      if (open.walBytes === 0) continue;
      open.truncateWal();
      if (open.walBytes === 0) return true;
    }
    return false;
  }

  [Symbol.dispose](): void {
    for (const [space] of this.#cells) this.release(space);
  }
}
