import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SpoolLine } from '../../domains/memory/ports.ts';
import { systemClock } from '../../kernel/clock.ts';
import { createIds } from '../../kernel/ids.ts';
import { createImportSpool } from './import-spool.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'polymnia-spool-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const live = new AbortController().signal;
const ids = createIds(systemClock);
const START = { byte: 0, line: 0 };
let count = 0;
const newSpool = () => {
  const folder = join(root, String((count += 1)));
  return { folder, spool: createImportSpool({ folder, ids }) };
};

async function collect(lines: AsyncIterable<SpoolLine>): Promise<SpoolLine[]> {
  const all: SpoolLine[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

describe('import spool', () => {
  it('keeps a body readable to the owner only, and removes it', async () => {
    const { folder, spool } = newSpool();
    const upload = await spool.write([Buffer.from('a\n'), Buffer.from('b')], 10, live);
    expect(upload.bytes).toBe(3);
    const [name = ''] = await readdir(folder);
    expect(await readFile(join(folder, name), 'utf8')).toBe('a\nb');
    expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    await spool.remove(upload.spoolId);
    await spool.remove(upload.spoolId);
    expect(await readdir(folder)).toEqual([]);
  });

  it('keeps nothing of a body that is too large, aborted or broken', async () => {
    const { folder, spool } = newSpool();
    const controller = new AbortController();
    async function* endless() {
      for (let at = 0; ; at += 1) {
        if (at === 5) controller.abort();
        yield Buffer.alloc(10);
      }
    }
    async function* broken() {
      yield Buffer.alloc(10);
      throw new Error('hung up');
    }
    await expect(spool.write(endless(), 30, live)).rejects.toMatchObject({ code: 'too_large' });
    await expect(spool.write(endless(), 1e9, controller.signal)).rejects.toMatchObject({ code: 'cancelled' });
    await expect(spool.write(broken(), 1e9, live)).rejects.toThrow('hung up');
    expect(await readdir(folder)).toEqual([]);
  });

  it('reads any text back line by line, from any line on', async () => {
    const { spool } = newSpool();
    const line = fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.toWellFormed().replaceAll(/[\r\n]/g, ' '));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 12 }), fc.boolean(), fc.nat(11), async (texts, crlf, from) => {
        const body = texts.map((text) => text + (crlf ? '\r\n' : '\n')).join('');
        const upload = await spool.write([Buffer.from(body)], 1e6, live);
        const all = await collect(spool.lines(upload.spoolId, START, 1000, live));
        expect(all.map((read) => (read.kind === 'line' ? read.text : undefined))).toEqual(texts);
        expect(all.map((read) => read.line)).toEqual(texts.map((_, at) => at + 1));
        expect(all.at(-1)?.endByte).toBe(upload.bytes);
        const at = all[Math.min(from, all.length - 1)];
        if (at === undefined) throw new Error('no lines');
        expect(await collect(spool.lines(upload.spoolId, { byte: at.endByte, line: at.line }, 1000, live))).toEqual(all.slice(all.indexOf(at) + 1));
        await spool.remove(upload.spoolId);
      }),
      { numRuns: 40 },
    );
  });

  it('names a line that is too long without holding it, and goes on after it', async () => {
    const { spool } = newSpool();
    const upload = await spool.write([Buffer.from(`ok\n${'x'.repeat(200_000)}\nlast`)], 1e6, live);
    expect(await collect(spool.lines(upload.spoolId, START, 1000, live))).toEqual([
      { kind: 'line', text: 'ok', line: 1, endByte: 3 },
      { kind: 'too_long', line: 2, endByte: 200_004 },
      { kind: 'line', text: 'last', line: 3, endByte: 200_008 },
    ]);
  });

  it('stops reading when told to', async () => {
    const { spool } = newSpool();
    const upload = await spool.write([Buffer.from('x\n'.repeat(200_000))], 1e6, live);
    const controller = new AbortController();
    const reading = (async () => {
      for await (const line of spool.lines(upload.spoolId, START, 1000, controller.signal)) if (line.line === 3) controller.abort();
    })();
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('knows only ids it made', async () => {
    const { spool } = newSpool();
    for (const id of ['../../etc/passwd', 'import_', '', `import_${'a'.repeat(25)}/`]) {
      await expect(collect(spool.lines(id, START, 10, live))).rejects.toMatchObject({ code: 'not_found' });
      await expect(spool.remove(id)).rejects.toMatchObject({ code: 'not_found' });
    }
    await expect(collect(spool.lines(ids.handle('import'), START, 10, live))).rejects.toMatchObject({ code: 'not_found' });
  });

  it('removes what belongs to nothing, and only its own files', async () => {
    const { folder, spool } = newSpool();
    expect(await spool.sweepOrphans(new Set())).toBe(0);
    const kept = await spool.write([Buffer.from('a')], 10, live);
    await spool.write([Buffer.from('b')], 10, live);
    await writeFile(join(folder, 'README'), 'mine');
    expect(await spool.sweepOrphans(new Set([kept.spoolId]))).toBe(1);
    expect((await readdir(folder)).toSorted()).toEqual(['README', `${kept.spoolId}.jsonl`].toSorted());
  });
});
