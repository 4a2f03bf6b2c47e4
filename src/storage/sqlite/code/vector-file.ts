import { closeSync, openSync, rmSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { systemCode } from '../../../kernel/errors.ts';
import { sqliteFamily } from '../threads/translate-error.ts';
import { type PackedVector, readPacked } from './packed-vector.ts';

/** `user_version` of the file; one of another version is made afresh. */
const VECTOR_VERSION = 1;
/** How long a search may wait for a write to end, and a write for searches. */
const READ_WAIT_MS = 250;
const WRITE_WAIT_MS = 5_000;
/** SQLite's codes for a damaged file and for one that is no database. */
const UNREADABLE = new Set([11, 26]);

/**
 * A text's vector is kept once, by the hash of the text: `value` is `scale` times signed bytes. `place` says which chunks have that text;
 * names of segments are never used twice, so places of other generations are only dead.
 */
const SCHEMA = `
  create table model (name text not null) strict;
  create table vector (id integer primary key, hash blob not null unique, scale real not null, value blob not null) strict;
  create table place (segment text not null, chunk integer not null, vector integer not null, primary key (segment, chunk)) strict, without rowid;
`;

/** The vectors of one repository: derived from its texts, and rebuilt where it cannot be read. Open for one task only. */
export class VectorFile implements Disposable {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(path: string, options: { readonly readOnly: boolean; readonly timeout: number }) {
    this.#db = new DatabaseSync(path, { ...options, enableForeignKeyConstraints: false });
  }

  /** For searching; undefined where there are no vectors of that model that can be read now. */
  static read(path: string, model: string): VectorFile | undefined {
    let file: VectorFile | undefined;
    try {
      file = new VectorFile(path, { readOnly: true, timeout: READ_WAIT_MS });
      if (file.#isOf(model)) return file;
    } catch (error) {
      // Vectors are a help: a search goes on without those that are locked, damaged or half written.
      if (sqliteFamily(error) === undefined) throw error;
    }
    file?.[Symbol.dispose]();
    return undefined;
  }

  /** For filling: made, or made afresh, when it is not of that model. */
  static write(path: string, model: string): VectorFile {
    const known = VectorFile.#reopen(path, model);
    if (known !== undefined) return known;
    for (const end of ['', '-journal']) rmSync(path + end, { force: true });
    closeSync(openSync(path, 'wx', 0o600));
    const file = new VectorFile(path, { readOnly: false, timeout: WRITE_WAIT_MS });
    file.#db.exec(`begin; pragma user_version = ${VECTOR_VERSION}; ${SCHEMA}`);
    file.#db.prepare('insert into model values (?)').run(model);
    file.#db.exec('commit');
    return file;
  }

  static #reopen(path: string, model: string): VectorFile | undefined {
    let file: VectorFile | undefined;
    try {
      closeSync(openSync(path, 'r+'));
      file = new VectorFile(path, { readOnly: false, timeout: WRITE_WAIT_MS });
      if (file.#isOf(model)) return file;
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' && !UNREADABLE.has(sqliteFamily(error) ?? -1)) {
        file?.[Symbol.dispose]();
        throw error;
      }
    }
    file?.[Symbol.dispose]();
    return undefined;
  }

  /** Runs all of it as one commit. */
  commit<T>(run: () => T): T {
    this.#db.exec('begin immediate');
    try {
      const result = run();
      this.#db.exec('commit');
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('rollback');
      throw error;
    }
  }

  idOf(hash: Uint8Array): number | undefined {
    const id = this.#statement('select id from vector where hash = ?').get(hash)?.['id'];
    return id === undefined ? undefined : Number(id);
  }

  add(hash: Uint8Array, { scale, bytes }: PackedVector): number {
    const sql =
      'insert into vector (hash, scale, value) values (?, ?, ?) on conflict (hash) do update set scale = excluded.scale, value = excluded.value returning id';
    return Number(this.#statement(sql).get(hash, scale, bytes)?.['id']);
  }

  place(segment: string, chunk: number, vector: number): void {
    this.#statement('insert or replace into place values (?, ?, ?)').run(segment, chunk, vector);
  }

  /** Chunks of a segment with ids from `from` up to but without `to` that have a vector. */
  placed(segment: string, from: number, to: number): readonly number[] {
    return this.#rows('select chunk from place where segment = ? and chunk >= ? and chunk < ?', segment, from, to).map(([chunk]) => Number(chunk));
  }

  segments(): readonly string[] {
    return this.#rows('select distinct segment from place').map(([name]) => String(name));
  }

  unplace(segment: string, chunk?: number): void {
    if (chunk === undefined) this.#statement('delete from place where segment = ?').run(segment);
    else this.#statement('delete from place where segment = ? and chunk = ?').run(segment, chunk);
  }

  /** Lets go of the vectors that no place names. */
  prune(): void {
    this.#db.exec('delete from vector where id not in (select vector from place)');
  }

  get places(): number {
    return Number(this.#statement('select count(*) as n from place').get()?.['n']);
  }

  /** The vectors of a segment in the order of its chunks. */
  *each(segment: string): Generator<{ readonly chunk: number } & PackedVector> {
    const statement = this.#statement(
      'select place.chunk, vector.scale, vector.value from place join vector on vector.id = place.vector where segment = ? order by place.chunk',
    );
    statement.setReturnArrays(true);
    for (const row of statement.iterate(segment)) {
      const [chunk, scale, value] = row as unknown as readonly unknown[];
      if (value instanceof Uint8Array) yield { chunk: Number(chunk), ...readPacked(Number(scale), value) };
    }
  }

  [Symbol.dispose](): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  #isOf(model: string): boolean {
    const version = this.#statement('pragma user_version').get()?.['user_version'];
    if (version !== VECTOR_VERSION) return false;
    return this.#statement('select name from model').get()?.['name'] === model;
  }

  #rows(sql: string, ...values: SQLInputValue[]): readonly (readonly unknown[])[] {
    const statement = this.#statement(sql);
    statement.setReturnArrays(true);
    return statement.all(...values) as unknown as readonly (readonly unknown[])[];
  }

  #statement(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
