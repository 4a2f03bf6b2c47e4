/** Where each line of a text begins; the last entry is its end. A line feed at the very end begins no line of its own. */
export function lineStarts(text: string): Uint32Array {
  let count = 1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1;
  const starts = new Uint32Array(count + 1);
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts[line++] = at + 1;
  if (count > 1 && starts[count - 1] === text.length) return starts.subarray(0, count);
  starts[count] = text.length + 1;
  return starts;
}

/** How many lines there are. */
export function lineCount(starts: Uint32Array): number {
  return starts.length - 1;
}

/** The number, from 1, of the line that holds this offset. */
export function lineAt(starts: Uint32Array, offset: number): number {
  let low = 0;
  let high = starts.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low + 1;
}

/** Where a line begins and ends, without its line feed and a carriage return before it. */
export function lineSpan(text: string, starts: Uint32Array, line: number): readonly [start: number, end: number] {
  const start = Math.min(starts[line - 1] ?? text.length, text.length);
  let end = Math.min((starts[line] ?? text.length + 1) - 1, text.length);
  if (end > start && text.charCodeAt(end - 1) === 10) end -= 1;
  if (end > start && text.charCodeAt(end - 1) === 13) end -= 1;
  return [start, end];
}
