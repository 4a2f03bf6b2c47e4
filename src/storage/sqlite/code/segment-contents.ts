import { ContentBlocks } from './content-blocks.ts';
import { ImmutableFile } from './open-immutable.ts';
import { attempt } from './write-once-file.ts';

/** Reads contents back out of a sealed text segment. */
export class SegmentContents implements Disposable {
  readonly #name: string;
  readonly #file: ImmutableFile;
  readonly #blocks: ContentBlocks;

  constructor(folder: string, segment: string) {
    this.#name = `${segment}.text.db`;
    this.#file = attempt(this.#name, () => new ImmutableFile(folder, this.#name));
    this.#blocks = new ContentBlocks(this.#file);
  }

  /** A file's text as UTF-8, not to be changed. Errors: `storage_unavailable` when it is not there or damaged. */
  read(local: number): Buffer {
    return attempt(this.#name, () => this.#blocks.read(local));
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}
