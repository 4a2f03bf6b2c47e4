import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { silentLogger } from '../../../kernel/logger.ts';
import { FileLife, type FileLifeDeps } from './file-life.ts';

const LARGE = 'large';
const signal = new AbortController().signal;

/** An archive whose spaces come back when the test says so. */
class SlowArchive {
  readonly archived = new Map<string, PromiseWithResolvers<void>>();
  readonly begun: string[] = [];

  add(...spaces: readonly string[]): void {
    for (const space of spaces) this.archived.set(space, Promise.withResolvers());
  }

  has(space: string): boolean {
    return this.archived.has(space);
  }

  path(space: string): string {
    return `/archive/${space}`;
  }

  async bytes(space: string): Promise<number> {
    return space.startsWith(LARGE) ? 1e9 : 1000;
  }

  async bringBack(space: string): Promise<{ fileBytes: number; packedBytes: number }> {
    this.begun.push(space);
    await this.archived.get(space)?.promise;
    this.archived.delete(space);
    return { fileBytes: 2, packedBytes: 1 };
  }

  end(space: string): void {
    this.archived.get(space)?.resolve();
  }
}

let clock: ManualClock;
let archive: SlowArchive;
let errors: string[];
let life: FileLife;

beforeEach(() => {
  clock = new ManualClock();
  archive = new SlowArchive();
  errors = [];
  const logger: FileLifeDeps['logger'] = { ...silentLogger, error: (message) => void errors.push(message) };
  life = new FileLife({ clock, logger, archive, maxWaiters: 100 });
});

const request = (timeoutMs = 1000): { holder: string; signal: AbortSignal; timeoutMs: number } => ({ holder: 'call', signal, timeoutMs });
const turns = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('use of an archived space', () => {
  it('waits for it no longer than its deadline, while it goes on coming back for the others', async () => {
    archive.add('a');
    const hasty = life.use('a', request(100));
    const patient = life.use('a', request(5000));
    await turns();
    clock.advance(100);
    await expect(hasty).rejects.toMatchObject({ code: 'timed_out' });
    archive.end('a');
    (await patient)[Symbol.dispose]();
    expect(archive.begun).toEqual(['a']);
    expect(life.locks()).toEqual([]);
  });

  it('is refused as the first was, for a moment: a client that asks again and again costs no work', async () => {
    archive.add('a');
    archive.archived.get('a')?.reject(new PolymniaError('storage_unavailable', 'damaged'));
    for (let n = 0; n < 5; n++) await expect(life.use('a', request())).rejects.toMatchObject({ code: 'storage_unavailable', message: 'damaged' });
    expect([archive.begun, errors]).toEqual([['a'], ['An archived space could not be brought back.']]);
    clock.advance(10_000);
    await expect(life.use('a', request())).rejects.toThrow('damaged');
    expect(archive.begun).toEqual(['a', 'a']);
  });

  it('does not wait for large ones of others, nor for more than a few at once', async () => {
    const large = Array.from({ length: 4 }, (_, n) => `${LARGE} ${n}`);
    const usual = Array.from({ length: 10 }, (_, n) => `usual ${n}`);
    archive.add(...large, ...usual);
    const uses = [...large, ...usual].map((space) => life.use(space, request()));
    await turns();
    expect(archive.begun.toSorted()).toEqual([...large.slice(0, 2), ...usual.slice(0, 8)]);
    for (const space of usual) archive.end(space);
    for (const use of uses.slice(4)) (await use)[Symbol.dispose]();
    for (const space of large) archive.end(space);
    for (const use of uses.slice(0, 4)) (await use)[Symbol.dispose]();
    expect(archive.begun).toHaveLength(14);
  });

  it('ends when everything does', async () => {
    archive.add('a');
    const waiting = life.use('a', request());
    await turns();
    const ended = life[Symbol.asyncDispose]();
    archive.archived.get('a')?.reject(new PolymniaError('overloaded', 'The server is stopping.'));
    await expect(waiting).rejects.toMatchObject({ code: 'overloaded' });
    await ended;
    expect(errors).toEqual([]);
    await expect(life.whileIdle('a', 'archive', signal, async () => 1)).rejects.toMatchObject({ code: 'overloaded' });
  });
});

describe('work of a quiet moment', () => {
  const untilTold = (told: AbortSignal): Promise<never> =>
    new Promise((_, reject) => told.addEventListener('abort', () => reject(new Error('told'))));

  it('is told to stop by every kind of visitor, who then has the file', async () => {
    for (const come of ['use', 'look', 'own'] as const) {
      const work = life.whileIdle('a', 'archive', signal, untilTold);
      await turns();
      expect(life.locks()).toMatchObject([{ key: 'a', mode: 'write', holders: [{ holder: 'archive' }] }]);
      using _lock = await life[come]('a', request());
      expect(await work).toBe(undefined);
    }
  });

  it('does not begin while somebody has the file, and keeps nobody waiting for that', async () => {
    const lock = await life.use('a', request());
    const work = life.whileIdle('a', 'archive', signal, async () => 1);
    const visitor = life.use('a', request());
    expect(await work).toBe(undefined);
    (await visitor)[Symbol.dispose]();
    const again = life.whileIdle('a', 'archive', signal, async () => 1);
    await turns();
    clock.advance(20);
    expect(await again).toBe(undefined);
    lock[Symbol.dispose]();
    expect(await life.whileIdle('a', 'archive', signal, async () => 1)).toBe(1);
  });

  it('rejects as it did, and when its own signal aborts', async () => {
    const failure = new Error('the disk');
    await expect(life.whileIdle('a', 'archive', signal, () => Promise.reject(failure))).rejects.toBe(failure);
    const controller = new AbortController();
    const work = life.whileIdle('a', 'archive', controller.signal, untilTold);
    controller.abort();
    await expect(work).rejects.toMatchObject({ code: 'cancelled' });
    expect(life.locks()).toEqual([]);
  });
});
