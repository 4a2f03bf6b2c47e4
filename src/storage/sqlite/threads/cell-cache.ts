import { BoundedMap } from '../../../kernel/bounded-map.ts';
import { openCell } from './open-cell.ts';
import type { OpenCell, OpenContext } from './open-cell.ts';

/**
 * Files of a thread that keep what they have read. The others keep their handle and statements (a third of the memory):
 * opening anew costs as much as a search, reading pages again from the system's cache next to nothing.
 */
const WARM_FILES = 8;

/** The files one thread has open, least recently used closed first. Never more than `config.openFiles`. */
export class CellCache implements Disposable {
  readonly #context: OpenContext;
  readonly #cells: BoundedMap<string, OpenCell>;
  readonly #warm: BoundedMap<string, OpenCell>;
  #closed: string[] = [];
  #cooling: OpenCell[] = [];
  #walBytes = 0;

  constructor(context: Omit<OpenContext, 'onWalGrowth'>) {
    this.#context = { ...context, onWalGrowth: (bytes) => (this.#walBytes += bytes) };
    const onEvict = (space: string, open: OpenCell): void => {
      this.#closing(space);
      open[Symbol.dispose]();
    };
    this.#cells = new BoundedMap({ maxSize: context.config.openFiles, onEvict });
    this.#warm = new BoundedMap({ maxSize: WARM_FILES, onEvict: (_space, open) => this.#cooling.push(open) });
  }

  /** The space's open file, and whether it had to be opened for this. */
  get(space: string, create: boolean): { readonly cell: OpenCell | 'absent' | 'stale'; readonly opened: boolean } {
    const known = this.#cells.get(space);
    const cell = known ?? openCell(space, create, this.#context);
    if (typeof cell !== 'string') {
      if (known === undefined) this.#cells.set(space, cell);
      this.#warm.set(space, cell);
    }
    return { cell, opened: known === undefined };
  }

  /** Gives back the pages of files that are no longer among the latest ones. To be called between batches. */
  coolDown(): void {
    for (const open of this.#cooling.splice(0)) if (this.#cells.has(open.space)) open.releasePages();
  }

  /** Closes one file; nothing happens when it is not open. */
  release(space: string): void {
    const known = this.#cells.get(space);
    if (known === undefined) return;
    this.#cells.delete(space);
    this.#closing(space);
    known[Symbol.dispose]();
  }

  #closing(space: string): void {
    this.#warm.delete(space);
    this.#closed.push(space);
  }

  /** Spaces closed since the last call. */
  takeClosed(): readonly string[] {
    const closed = this.#closed;
    this.#closed = [];
    return closed;
  }

  /** Bytes in the logs of all open files, as of their last commit. */
  get walBytes(): number {
    return this.#walBytes;
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
