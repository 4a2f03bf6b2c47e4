import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

type Value = null | number | bigint | string | Uint8Array;
export type Row = Readonly<Record<string, Value>>;
/** A row as the values of its columns, in order. */
export type Tuple = readonly Value[];

/** Statements kept prepared per open file; a method uses a few dozen. */
const MAX_STATEMENTS = 128;

/**
 * An open space file inside a storage thread. Statements are prepared once and kept. Every statement that can run longer
 * than 5 ms says `alive()` in its WHERE: the registered function throws once the running call has been aborted.
 */
export class Cell {
  readonly db: DatabaseSync;
  readonly #queries = new Map<string, StatementSync>();
  readonly #commands = new Map<string, StatementSync>();
  readonly #tupleQueries = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.db = db;
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values);
  }

  /** As {@link all}, for many rows of few columns: a third cheaper. */
  tuples(sql: string, ...values: SQLInputValue[]): Tuple[] {
    const statement = this.#kept(this.#tupleQueries, sql);
    statement.setReturnArrays(true);
    return statement.all(...values) as unknown as Tuple[];
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values);
  }

  /** Number of rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#command(sql).run(...values).changes);
  }

  iterate(sql: string, ...values: SQLInputValue[]): IterableIterator<Row> {
    return this.#prepare(sql).iterate(...values) as IterableIterator<Row>;
  }

  #prepare(sql: string): StatementSync {
    return this.#kept(this.#queries, sql);
  }

  /** Full-text deletes leave a last row number beyond 2^53, which `run` can only tell as a bigint: as a number it throws, after its work. */
  #command(sql: string): StatementSync {
    const statement = this.#kept(this.#commands, sql);
    statement.setReadBigInts(true);
    return statement;
  }

  #kept(statements: Map<string, StatementSync>, sql: string): StatementSync {
    const kept = statements.get(sql);
    if (kept !== undefined) return kept;
    if (statements.size >= MAX_STATEMENTS) statements.clear();
    const statement = this.db.prepare(sql);
    statements.set(sql, statement);
    return statement;
  }
}

/**
 * A named piece of work on one cell, run whole inside a storage thread: a write inside the thread's transaction, a read on a
 * read-only connection. Arguments and results are structured-cloneable. Throws `CellFailure` for what the caller can know.
 */
export type CellMethod<Args, Result> = (cell: Cell, args: Args) => Result;

/** A failure with a code of the error table, in a form that survives the way between threads. */
export class CellFailure extends Error {
  override readonly name = 'CellFailure';
  readonly code: 'conflict' | 'invalid_input' | 'not_found' | 'quota_exceeded' | 'internal';
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: CellFailure['code'], message: string, details?: Readonly<Record<string, unknown>>) {
    super(message);
    this.code = code;
    this.details = details;
  }
}
