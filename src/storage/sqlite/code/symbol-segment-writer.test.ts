import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeWeighted } from '../../../domains/code/index/postings.ts';
import { type CodeSymbol, type ParsedFile, SYMBOL_KINDS } from '../../../domains/code/model.ts';
import { unpacked } from './content-blocks.ts';
import { SymbolSegmentWriter } from './symbol-segment-writer.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'polymnia-symbols-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const NOTHING: ParsedFile = { method: 'lines', hasErrors: false, symbols: [], references: new Map(), chunks: [], imports: [] };
const symbol = (name: string, more: Partial<CodeSymbol> = {}): CodeSymbol => ({
  name,
  kind: 'function',
  line: 1,
  endLine: 1,
  container: '',
  signature: name,
  ...more,
});

function written(files: readonly (readonly [ParsedFile, ReadonlyMap<string, number>])[]): DatabaseSync {
  const path = join(folder, 's.symbols.db');
  using writer = new SymbolSegmentWriter(path);
  for (const [local, [parsed, terms]] of files.entries()) writer.add(local, parsed, () => terms);
  writer.seal();
  return new DatabaseSync(path, { readOnly: true });
}

describe('a symbol segment', () => {
  it('gives signatures, kinds and keys as they were', () => {
    const signatures = [
      ['open', 'static inline unsigned int open(const char *path, struct inode *node) = 0'],
      ['def', 'def def(self, def=None)'],
      ['größe', 'export async function größe(x: string): number'],
      ['', '#define'],
      ["it's", "const it's = readonly number"],
      ['x', '(self) (self, x) (void) char *x'],
    ] as const;
    const symbols = signatures.map(([name, signature]) => symbol(name, { signature }));
    const kinds = SYMBOL_KINDS.map((kind) => symbol(`K_${kind}`, { kind }));
    using db = written([[{ ...NOTHING, symbols: [...symbols, ...kinds, symbol('ÄRGER')] }, new Map()]]);
    const rows = db.prepare('select name, name_key, kind, signature from symbol order by id').all();
    expect(rows.slice(0, signatures.length).map(({ name, signature }) => [name, signature])).toEqual(signatures);
    expect(rows.slice(signatures.length, -1).map(({ kind }) => kind)).toEqual(SYMBOL_KINDS);
    expect(rows.at(-1)?.['name_key']).toBe('ärger');
    expect(db.prepare('select name from symbol where name_key = ?').all('k_field')).toEqual([{ name: 'K_field' }]);
  });

  it('gives long postings whole', () => {
    const weight = (at: number): number => ((at * 7919) % 10_007) + 1;
    const files = Array.from(
      { length: 3000 },
      (_, at) =>
        [
          { ...NOTHING, chunks: [{ line: 1, endLine: 1 }] },
          new Map([
            ['common', weight(at)],
            [`only${at % 60}`, 1],
          ]),
        ] as const,
    );
    using db = written(files);
    const { bytes, postings } = db.prepare('select bytes, postings from term where term = ?').get('common') ?? {};
    const { ids, weights } = decodeWeighted(unpacked(postings as Uint8Array, Number(bytes)));
    expect([...ids]).toEqual(Array.from({ length: 3000 }, (_, at) => at));
    expect([...weights]).toEqual(Array.from({ length: 3000 }, (_, at) => weight(at)));
    expect(db.prepare('select count(*) n from term_part where word = ?').get('common')).not.toEqual({ n: 1 });
    expect(db.prepare('select count(*) n from term').get()).toEqual({ n: 61 });
  });

  it('counts where a name is used', () => {
    const used = (names: readonly (readonly [string, number])[]) => [{ ...NOTHING, references: new Map(names) }, new Map()] as const;
    using db = written([
      used([
        ['b', 2],
        ['a', 1],
      ]),
      used([['b', 1]]),
    ]);
    expect(db.prepare('select name, local, n from reference order by name, local').all()).toEqual([
      { name: 'a', local: 0, n: 1 },
      { name: 'b', local: 0, n: 2 },
      { name: 'b', local: 1, n: 1 },
    ]);
  });
});
