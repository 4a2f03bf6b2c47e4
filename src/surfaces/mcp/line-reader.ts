/** A line, or the notice that one was longer than allowed and has been skipped. */
export type Line = { readonly text: string } | { readonly tooLong: true };

/**
 * Splits a stream of UTF-8 bytes into lines (LF or CRLF), holding at most `maxBytes` of an unfinished one; a longer
 * line is dropped to its end and reported once. A last line without its end counts as a line.
 */
export async function* readLines(source: AsyncIterable<Uint8Array | string>, maxBytes: number): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let held = 0;
  let skipping = false;
  for await (const chunk of source) {
    let rest = Buffer.from(chunk);
    for (let end = rest.indexOf(0x0a); end !== -1; end = rest.indexOf(0x0a)) {
      if (skipping || held + end > maxBytes) yield { tooLong: true };
      else yield { text: lineText([...parts, rest.subarray(0, end)]) };
      [parts, held, skipping] = [[], 0, false];
      rest = rest.subarray(end + 1);
    }
    held += rest.length;
    if (held > maxBytes) [parts, skipping] = [[], true];
    else if (rest.length > 0) parts.push(rest);
  }
  if (skipping) yield { tooLong: true };
  else if (held > 0) yield { text: lineText(parts) };
}

function lineText(parts: readonly Buffer[]): string {
  const text = Buffer.concat(parts).toString('utf8');
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}

/**
 * The `data` of each event of a server-sent event stream (WHATWG HTML, "Interpreting an event stream"); comments, names
 * and ids are left out. Throws when one event's data exceeds `maxBytes`.
 */
export async function* readEventData(source: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string> {
  let data: string[] = [];
  let held = 0;
  for await (const line of readLines(source, maxBytes)) {
    if ('tooLong' in line || held > maxBytes) throw new RangeError(`An event of the answer is larger than ${maxBytes} bytes.`);
    if (line.text === '' && data.length > 0) {
      yield data.join('\n');
      [data, held] = [[], 0];
    } else if (line.text.startsWith('data:')) {
      data.push(line.text.slice(line.text[5] === ' ' ? 6 : 5));
      held += line.text.length;
    }
  }
}
