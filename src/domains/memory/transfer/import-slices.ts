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

/** The rest of an import as slices, from its resume point on. Holds one slice at a time. */
export async function* sliceLines(
  deps: Pick<MemoryServiceDeps, 'spool' | 'clock' | 'ids'>,
  state: ImportState,
  signal: AbortSignal,
): AsyncGenerator<ParsedSlice> {
  const context = { importId: state.importId, author: state.user, name: state.name, now: deps.clock.now(), uuid: () => deps.ids.uuid() };
  let pending: SpoolLine[] = [];
  let length = 0;
  for await (const line of deps.spool.lines(state.spoolId, { byte: state.nextByte, line: state.nextLine }, MEMORY_LIMITS.importLineBytes, signal)) {
    pending.push(line);
    length += line.kind === 'line' ? line.text.length : 0;
    if (pending.length < SLICE_LINES && length < SLICE_TEXT) continue;
    yield parseSlice(pending, context);
    pending = [];
    length = 0;
  }
  if (pending.length > 0) yield parseSlice(pending, context);
}

function parseSlice(lines: readonly SpoolLine[], context: LineContext): ParsedSlice {
  const items: NewMemory[] = [];
  const numbers: number[] = [];
  const bad: ImportProblem[] = [];
  for (const line of lines) {
    if (line.kind === 'too_long') {
      bad.push({ line: line.line, message: `longer than ${MEMORY_LIMITS.importLineBytes} bytes` });
      continue;
    }
    const parsed = parseLine(line.text, context);
    if (parsed.kind === 'memory') {
      items.push(parsed.memory);
      numbers.push(line.line);
    } else if (parsed.kind === 'bad') bad.push({ line: line.line, message: parsed.message });
  }
  const last = lines.at(-1);
  const bytes = items.reduce(
    (sum, item) => sum + storedBytes(item) + (item.history ?? []).reduce((old, version) => old + storedBytes(version), 0),
    0,
  );
  return { importId: context.importId, items, lines: numbers, bad, nextByte: last?.endByte ?? 0, nextLine: last?.line ?? 0, bytes };
}
