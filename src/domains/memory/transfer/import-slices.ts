import type { MemoryServiceDeps } from '../deps.ts';
import { type LineContext, parseLine } from './line-format.ts';
import { MEMORY_LIMITS, type NewMemory } from '../model.ts';
import type { SpoolLine } from '../ports.ts';
import type { ImportProblem, ImportSlice, ImportState } from '../store.ts';
import { storedBytes } from '../stored-bytes.ts';

/** Lines committed together: a few milliseconds of a writer thread. */
const SLICE_LINES = 50;
/** Text committed together, UTF-16 units; one line may exceed it. */
const SLICE_TEXT = 256 * 1024;

/** A slice with the bytes it may add to the quota. */
export interface ParsedSlice extends ImportSlice {
  readonly bytes: number;
}

/** Lines parsed before others have their turn on this thread: well under a millisecond. */
const LINES_AT_ONCE = 10;

/** The rest of an import as slices, from its resume point on. Holds one slice at a time. */
export async function* sliceLines(
  deps: Pick<MemoryServiceDeps, 'spool' | 'clock' | 'ids'>,
  state: ImportState,
  signal: AbortSignal,
): AsyncGenerator<ParsedSlice> {
  const context = { importId: state.importId, author: state.user, name: state.name, now: deps.clock.now(), uuid: () => deps.ids.uuid() };
  let slice = new SliceBuilder(context);
  let parsed = 0;
  for await (const line of deps.spool.lines(state.spoolId, { byte: state.nextByte, line: state.nextLine }, MEMORY_LIMITS.importLineBytes, signal)) {
    slice.add(line);
    if (++parsed % LINES_AT_ONCE === 0) await othersTurn();
    if (!slice.isFull) continue;
    yield slice.build();
    slice = new SliceBuilder(context);
  }
  if (!slice.isEmpty) yield slice.build();
}

/** Resolves after what else waits on this thread has had its turn. */
function othersTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Gathers parsed lines until they are enough for one commit. */
class SliceBuilder {
  readonly #context: LineContext;
  readonly #items: NewMemory[] = [];
  readonly #numbers: number[] = [];
  readonly #bad: ImportProblem[] = [];
  #lines = 0;
  #length = 0;
  #last: SpoolLine | undefined;

  constructor(context: LineContext) {
    this.#context = context;
  }

  get isFull(): boolean {
    return this.#lines >= SLICE_LINES || this.#length >= SLICE_TEXT;
  }

  get isEmpty(): boolean {
    return this.#lines === 0;
  }

  add(line: SpoolLine): void {
    this.#lines += 1;
    this.#last = line;
    if (line.kind === 'too_long') {
      this.#bad.push({ line: line.line, message: `longer than ${MEMORY_LIMITS.importLineBytes} bytes` });
      return;
    }
    this.#length += line.text.length;
    const parsed = parseLine(line.text, this.#context);
    if (parsed.kind === 'bad') this.#bad.push({ line: line.line, message: parsed.message });
    if (parsed.kind !== 'memory') return;
    this.#items.push(parsed.memory);
    this.#numbers.push(line.line);
  }

  build(): ParsedSlice {
    const bytes = this.#items.reduce((sum, item) => sum + bytesOf(item), 0);
    const end = { nextByte: this.#last?.endByte ?? 0, nextLine: this.#last?.line ?? 0 };
    return { importId: this.#context.importId, items: this.#items, lines: this.#numbers, bad: this.#bad, ...end, bytes };
  }
}

function bytesOf(item: NewMemory): number {
  return storedBytes(item) + (item.history ?? []).reduce((sum, version) => sum + storedBytes(version), 0);
}
