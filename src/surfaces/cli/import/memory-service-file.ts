import { stat } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';
import { fromMemoryServiceRow } from '../../../domains/memory/index.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { type Fields, isFields, type SourceItem } from './source-item.ts';

const MAX_ROWS = 10_000_000;
/** Longest text or blob SQLite will build from this file. */
const MAX_VALUE_BYTES = 32 * 1024 * 1024;
/** Rows read before other work gets its turn. */
const ROWS_A_TURN = 200;

/** Columns a memory is made of; older files lack some. */
const COLUMNS = ['content', 'tags', 'memory_type', 'metadata', 'created_at', 'updated_at', 'created_at_iso', 'updated_at_iso', 'deleted_at'];

/**
 * The rows of mcp-memory-service's SQLite file. The file is foreign, so it is opened read-only with nothing of it trusted: no
 * functions from its schema, no extensions, only a plain table named `memories`, bounded rows and values.
 */
export async function* memoryServiceRows(path: string): AsyncGenerator<SourceItem> {
  using file = await openForeign(path);
  const rows = query(file, path).iterate();
  let number = 0;
  for (let row = nextRow(rows, path); row !== undefined; row = nextRow(rows, path)) {
    number += 1;
    if (number > MAX_ROWS) throw new PolymniaError('too_large', `${path} has more than ${MAX_ROWS} memories.`);
    if (number % ROWS_A_TURN === 0) await nextTurn();
    yield toItem(row);
  }
}

function nextRow(rows: Iterator<unknown>, path: string): Fields | undefined {
  try {
    const next = rows.next();
    return next.done === true || !isFields(next.value) ? undefined : next.value;
  } catch (error) {
    throw new PolymniaError(
      'invalid_input',
      `${path} is damaged: SQLite cannot read on. Nothing was imported; repair a copy first: sqlite3 FILE .recover`,
      { cause: error },
    );
  }
}

async function openForeign(path: string): Promise<DatabaseSync> {
  // In WAL mode without its side files (a copy), SQLite would have to create them, which a read-only folder forbids.
  const hasLog = await stat(`${path}-wal`).then(
    () => true,
    () => false,
  );
  const name = new URL(`file://${path.split('/').map(encodeURIComponent).join('/')}?mode=ro${hasLog ? '' : '&immutable=1'}`);
  try {
    const file = new DatabaseSync(name, {
      readOnly: true,
      allowExtension: false,
      timeout: 5000,
      defensive: true,
      limits: { length: MAX_VALUE_BYTES },
    });
    file.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA query_only = ON');
    return file;
  } catch (error) {
    throw new PolymniaError('invalid_input', `${path} cannot be opened as an SQLite file.`, { cause: error });
  }
}

function query(file: DatabaseSync, path: string): ReturnType<DatabaseSync['prepare']> {
  try {
    const table = file.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'memories' AND type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'").get();
    const present =
      table === undefined
        ? []
        : file
            .prepare('PRAGMA table_info(memories)')
            .all()
            .map(({ name }) => name);
    if (!present.includes('content')) throw new PolymniaError('invalid_input', `${path} has no table "memories" with a column "content".`);
    const columns = COLUMNS.filter((column) => present.includes(column));
    return file.prepare(`SELECT rowid AS place, ${columns.join(', ')} FROM memories ORDER BY rowid`);
  } catch (error) {
    if (error instanceof PolymniaError) throw error;
    throw new PolymniaError('invalid_input', `${path} cannot be read as a file of mcp-memory-service.`, { cause: error });
  }
}

function toItem({ place, ...row }: Fields): SourceItem {
  const where = `row ${String(place)}`;
  const line = fromMemoryServiceRow(row);
  if (line !== undefined) return { place: where, lines: [line] };
  const isDeleted = row['deleted_at'] !== undefined && row['deleted_at'] !== null;
  return { place: where, lines: [], ...(isDeleted ? {} : { problem: 'no content' }) };
}
