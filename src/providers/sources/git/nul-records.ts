import { PolymniaError } from '../../../kernel/errors.ts';

const NUL = 0;
/** Git's longest path is about 4 KiB; a record beyond this is no listing. */
const MAX_RECORD = 64 * 1024;

/** Parts of a stream that each end with a NUL. What stands after the last one counts as a part if it is not empty. */
export async function* readRecords(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    const data = rest.byteLength === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = data.indexOf(NUL); end !== -1; end = data.indexOf(NUL, start)) {
      yield data.subarray(start, end);
      start = end + 1;
    }
    rest = data.subarray(start);
    if (rest.byteLength > MAX_RECORD) throw new PolymniaError('internal', 'git listed a path without an end.');
  }
  if (rest.byteLength > 0) yield rest;
}
