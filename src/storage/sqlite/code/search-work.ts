import type { Alive, GenerationReader, IndexedFile } from './generation-reader.ts';
import { FILE_FLAGS } from './segment-schema.ts';

/** One look-up in one open generation. */
export interface SearchWork {
  readonly reader: GenerationReader;
  readonly alive: Alive;
  /** Is the time given used up? Then it answers with what it has. */
  readonly spent: () => boolean;
  /** Path of the repository's vectors. */
  readonly vectors?: string;
}

/** What a file's matches count, by its flags: tests and what nobody wrote by hand stand behind. */
export function fileFactor(flags: number): number {
  let factor = 1;
  if ((flags & FILE_FLAGS.test) !== 0) factor *= 0.8;
  if ((flags & FILE_FLAGS.vendored) !== 0) factor *= 0.6;
  if ((flags & FILE_FLAGS.generated) !== 0) factor *= 0.6;
  return (flags & FILE_FLAGS.minified) === 0 ? factor : factor * 0.3;
}

/** Live, allowed files of the given locals of a segment. */
export function* liveFiles(
  { reader }: SearchWork,
  segment: number,
  locals: Uint32Array | undefined,
  allowed: Uint8Array | undefined,
): Generator<IndexedFile> {
  const fileOf = reader.segments[segment]?.fileOf ?? new Int32Array(0);
  const count = locals?.length ?? fileOf.length;
  for (let at = 0; at < count; at += 1) {
    const index = fileOf[locals === undefined ? at : (locals[at] ?? -1)] ?? -1;
    const file = index < 0 || allowed?.[index] === 0 ? undefined : reader.file(index);
    if (file !== undefined) yield file;
  }
}
