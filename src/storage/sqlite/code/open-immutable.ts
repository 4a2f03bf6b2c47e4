import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { SEGMENT_VERSION } from './segment-schema.ts';

/** Pages held of one file, KiB. */
const CACHE_KIB = 2048;

/** A file of an index that cannot serve: not there, not ours, of another version. */
export class IndexFileRefused extends Error {
  override readonly name = 'IndexFileRefused';
}

export type Row = readonly SQLOutputValue[];

/** A text column's value. */
export function textOf(value: SQLOutputValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** A file of an index, opened for reading only and as one that nobody changes: no locks, no journal. Statements are kept. */
export class ImmutableFile implements Disposable {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(folder: string, name: string) {
    const url = pathToFileURL(join(folder, name));
    url.searchParams.set('immutable', '1');
    this.#db = new DatabaseSync(url, { readOnly: true, enableForeignKeyConstraints: false });
    try {
      this.#db.exec(`pragma query_only = on; pragma trusted_schema = off; pragma mmap_size = 0; pragma cache_size = -${CACHE_KIB}`);
      const [version] = this.first('pragma user_version') ?? [];
      if (version !== SEGMENT_VERSION) throw new IndexFileRefused(`The index file ${name} has version ${Number(version)}, not ${SEGMENT_VERSION}.`);
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  first(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values) as unknown as Row | undefined;
  }

  all(sql: string, ...values: SQLInputValue[]): readonly Row[] {
    return this.#statement(sql).all(...values) as unknown as readonly Row[];
  }

  each(sql: string, ...values: SQLInputValue[]): IterableIterator<Row> {
    return this.#statement(sql).iterate(...values) as unknown as IterableIterator<Row>;
  }

  [Symbol.dispose](): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      statement.setReturnArrays(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
