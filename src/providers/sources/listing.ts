import type { SkippedEntry } from '../../domains/code/ports.ts';
import type { SkipReason, SyncBudgets } from '../../domains/code/model.ts';
import { PolymniaError } from '../../kernel/errors.ts';

export interface ListedFile {
  readonly path: string;
  readonly bytes: number;
}

/** A tree may name the same folder a million times: what is listed at all ends at this multiple of the files that are read. */
const MOST_LISTED = 4;

/** Collects what a source holds, in any order, and says at the end what of it is within the budgets. */
export class Listing<T extends ListedFile> {
  readonly #budgets: SyncBudgets;
  readonly #files: T[] = [];
  readonly #skipped: SkippedEntry[] = [];

  constructor(budgets: SyncBudgets) {
    this.#budgets = budgets;
  }

  get size(): number {
    return this.#files.length + this.#skipped.length;
  }

  add(file: T): void {
    if (file.bytes > this.#budgets.maxTextBytes) return this.skip(file.path, 'too_large');
    this.#files.push(file);
    this.#refuseEndless();
  }

  skip(path: string, reason: SkipReason): void {
    this.#skipped.push({ path, reason });
    this.#refuseEndless();
  }

  isTooDeep(path: string): boolean {
    let depth = 1;
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) depth++;
    return depth > this.#budgets.maxPathDepth;
  }

  /** In order of paths; files beyond the number or the bytes of the budgets are skipped. */
  finish(): { readonly files: readonly T[]; readonly skipped: readonly SkippedEntry[] } {
    const files: T[] = [];
    let bytes = 0;
    for (const file of this.#files.sort(byPath)) {
      if (files.length >= this.#budgets.maxFiles) this.#skipped.push({ path: file.path, reason: 'file_budget' });
      else if (bytes + file.bytes > this.#budgets.maxBytes) this.#skipped.push({ path: file.path, reason: 'byte_budget' });
      else {
        files.push(file);
        bytes += file.bytes;
      }
    }
    return { files, skipped: distinct(this.#skipped.sort(byPath)) };
  }

  #refuseEndless(): void {
    const most = this.#budgets.maxFiles * MOST_LISTED;
    if (this.size <= most) return;
    throw new PolymniaError('too_large', `The source lists more than ${most} files, ${MOST_LISTED} times what SYNC_MAX_FILES allows to read.`);
  }
}

/** UTF-16 code units, as the port has it. */
export function byPath(one: { readonly path: string }, other: { readonly path: string }): number {
  if (one.path === other.path) return 0;
  return one.path < other.path ? -1 : 1;
}

/** Names that are no text may look alike when they are shown. No path ends with a slash, so one more makes a path no other has. */
function distinct(sorted: readonly SkippedEntry[]): readonly SkippedEntry[] {
  let alike = 0;
  return sorted.map((entry, index) => {
    alike = sorted[index - 1]?.path === entry.path ? alike + 1 : 0;
    return alike === 0 ? entry : { ...entry, path: entry.path + '/'.repeat(alike) };
  });
}
