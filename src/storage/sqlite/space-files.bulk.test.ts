import { describe, expect, it } from 'vitest';
import { fixtureFiles, spaceKey, storeCall, temporaryFolder } from '../../../test/support/storage.ts';
import { ManualClock } from '../../kernel/clock.ts';
import type { PolymniaError } from '../../kernel/errors.ts';
import type { SpaceFiles, WriteOptions } from './space-files.ts';

/** Both have the same usual writer of two. */
const SPACE = spaceKey(0);
const OTHER = spaceKey(2);
/** A space without bulk work for so long goes back to its usual writer. */
const STAY_MS = 1000;
const BULK: WriteOptions<unknown> = { bulk: true };

interface Stage extends AsyncDisposable {
  readonly files: SpaceFiles;
  readonly clock: ManualClock;
}

/** Its clock stands still until told; two connections that write to one file at once fail, and do not wait for each other. */
async function stage(): Promise<Stage> {
  const folder = await temporaryFolder();
  const clock = new ManualClock();
  const files = fixtureFiles(folder.path, { clock, busyTimeoutMs: 0 });
  return {
    files,
    clock,
    async [Symbol.asyncDispose]() {
      await files[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const putInto = ({ files }: Stage, space: string, key: string, options = {}, ms = 0): Promise<unknown> =>
  files.write('putThenSpin', storeCall(space, 'usr_a', { deadlineAt: Infinity }), { key, value: 'v', ms }, options);
const count = ({ files }: Stage, space: string): Promise<number> =>
  files.read('count', storeCall(space, 'usr_a', { deadlineAt: Infinity }), undefined, 0);

/** Which of two writes ends first: a long one of the space, or a short one of the other space that comes after it. */
async function firstToEnd(on: Stage, options: WriteOptions<unknown>): Promise<string> {
  const long = putInto(on, SPACE, 'long', options, 60).then(() => 'long');
  const short = putInto(on, OTHER, 'short').then(() => 'short');
  const first = await Promise.race([long, short]);
  await Promise.all([long, short]);
  return first;
}

describe('bulk work', () => {
  it('is done by a writer that others do not wait for', async () => {
    await using on = await stage();
    await Promise.all([putInto(on, SPACE, 'a'), putInto(on, OTHER, 'a')]);
    expect(await firstToEnd(on, {})).toBe('long');
    expect(await firstToEnd(on, BULK)).toBe('short');
  });

  it('takes the space’s other writes along, and gives them back when it has ended', async () => {
    await using on = await stage();
    await putInto(on, OTHER, 'a');
    await putInto(on, SPACE, 'bulk', BULK);
    expect(await firstToEnd(on, {})).toBe('short');
    on.clock.advance(STAY_MS);
    await putInto(on, SPACE, 'back');
    expect(await firstToEnd(on, {})).toBe('long');
    expect(on.files.stats().writers.openFiles).toBe(2);
  });

  it('waits its turn where its space is being written', async () => {
    await using on = await stage();
    const writes = [putInto(on, SPACE, 'a', {}, 20), putInto(on, SPACE, 'b', BULK), putInto(on, SPACE, 'c'), putInto(on, SPACE, 'd', BULK)];
    await Promise.all(writes);
    expect(await count(on, SPACE)).toBe(4);
  });

  it('is given up at once while its space is on its way', async () => {
    await using on = await stage();
    await putInto(on, SPACE, 'a');
    const blocking = putInto(on, OTHER, 'blocking', {}, 200).then(() => 'blocking');
    const controller = new AbortController();
    const call = storeCall(SPACE, 'usr_a', { deadlineAt: Infinity, signal: controller.signal });
    const given = on.files.write('put', call, { key: 'b', value: 'v' }, BULK).catch((error: PolymniaError) => error.code);
    await new Promise(setImmediate);
    controller.abort();
    expect(await Promise.race([blocking, given])).toBe('cancelled');
    await blocking;
    expect(await count(on, SPACE)).toBe(1);
  });

  it('never writes beside another connection, whenever it comes and goes', async () => {
    await using on = await stage();
    const rounds = 40;
    for (let round = 0; round < rounds; round++) {
      const bulk = [putInto(on, SPACE, `${round} a`, BULK), putInto(on, SPACE, `${round} b`), putInto(on, OTHER, `${round}`)];
      if (round % 2 === 0) await Promise.all(bulk);
      on.clock.advance(STAY_MS);
      await Promise.all([...bulk, putInto(on, SPACE, `${round} c`), putInto(on, SPACE, `${round} d`, BULK)]);
    }
    expect(await count(on, SPACE)).toBe(4 * rounds);
    expect(await count(on, OTHER)).toBe(rounds);
  });

  it('leaves nothing open when its space is dropped meanwhile, or the storage closed', async () => {
    await using on = await stage();
    await putInto(on, SPACE, 'a', BULK);
    const { signal } = new AbortController();
    expect(await on.files.drop(SPACE, { holder: 'test', signal })).toBe(true);
    expect(on.files.stats().writers.openFiles).toBe(0);
    await expect(putInto(on, SPACE, 'b', BULK)).rejects.toMatchObject({ code: 'not_found' });
    await putInto(on, OTHER, 'a', BULK);
    const waiting = Promise.allSettled([putInto(on, OTHER, 'b', BULK)]);
    await on.files[Symbol.asyncDispose]();
    await waiting;
    expect(on.files.stats().writers).toMatchObject({ busy: 0, waiting: 0, openFiles: 0 });
  });
});
