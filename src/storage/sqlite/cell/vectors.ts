import type { VectorRow } from '../../../domains/memory/store.ts';
import { CellFailure, type Cell, type Row } from './cell.ts';
import { int, text, uuidBytes, uuidText } from './memory-row.ts';
import { META, metaNumber, metaText, setMeta } from './meta.ts';

/** Vectors of former models deleted by one call: about 5 ms. */
const STALE_PER_CALL = 256;

const LIVE = '(m.expires_at is null or m.expires_at > ?)';
/** Rows beyond the model's mark that lack its vector; takes the model twice. */
const UNMARKED = `from memories m where m.id > coalesce((select done_to from vector_models where model = ?), 0)
  and not exists (select 1 from vectors v where v.memory = m.id and v.model = ?) and alive()`;
const UNMARKED_LIVE = `select m.id, m.uuid, m.version, m.content ${UNMARKED} and ${LIVE} order by m.id limit ?`;

/** The model memories are to be embedded with, if there ever was one. */
export function targetModel(cell: Cell): string | undefined {
  return metaText(cell, META.vectorTarget);
}

/** Notes the configured embedder's model; what lacks its vectors counts as pending from now on. */
export function noteTarget(cell: Cell, model: string | undefined): void {
  if (model !== undefined && targetModel(cell) !== model) setMeta(cell, META.vectorTarget, model);
}

/** The model a search may use, and the length of its vectors. */
export function searchableModel(cell: Cell): { readonly model: string; readonly dimension: number } | undefined {
  const model = metaText(cell, META.vectorModel);
  const known = model === undefined ? undefined : modelRow(cell, model);
  return model === undefined || known === undefined ? undefined : { model, dimension: int(known, 'dimension') };
}

/** Live memories without a vector of the model, from counters; 0 without a model. */
export function pendingCount(cell: Cell, model: string | undefined, now: number): number {
  if (model === undefined) return 0;
  const row = modelRow(cell, model);
  const expired = cell.get(
    'select count(*) as n from memories m where m.expires_at <= ? and not exists (select 1 from vectors v where v.memory = m.id and v.model = ?) and alive()',
    now,
    model,
  );
  return (metaNumber(cell, META.memories) ?? 0) - (row === undefined ? 0 : int(row, 'vectors')) - Number(expired?.['n']);
}

export interface VectorsPendingArgs {
  readonly now: number;
  readonly model: string;
  readonly limit: number;
}

export function vectorsPending(
  cell: Cell,
  { now, model, limit }: VectorsPendingArgs,
): readonly { readonly uuid: string; readonly version: number; readonly text: string }[] {
  const rows = pendingRows(cell, model, now, limit);
  return rows.map((row) => ({ uuid: uuidText(row['uuid']), version: int(row, 'version'), text: text(row, 'content') }));
}

export interface VectorsPutArgs {
  readonly now: number;
  readonly model: string;
  readonly vectors: readonly VectorRow[];
}

export function vectorsPut(
  cell: Cell,
  { now, model, vectors }: VectorsPutArgs,
): { readonly saved: number; readonly pending: number; readonly stale: number } {
  noteTarget(cell, model);
  let saved = 0;
  for (const vector of vectors) saved += putVector(cell, model, vector, now);
  if (saved > 0) cell.run('update vector_models set vectors = vectors + ? where model = ?', saved, model);
  const pending = advance(cell, model, now);
  return { saved, pending, stale: dropStale(cell) };
}

/** A row's content has changed or it is going: its vectors go, and unless it is going it waits for new ones. */
export function forgetVectors(cell: Cell, id: number, going: boolean): void {
  const models = cell.all('select model from vector_models');
  for (const row of models) {
    const model = text(row, 'model');
    const gone = cell.run('delete from vectors where memory = ? and model = ?', id, model);
    if (gone > 0) cell.run('update vector_models set vectors = vectors - ? where model = ?', gone, model);
    if (going) cell.run('delete from vector_todo where model = ? and memory = ?', model, id);
    else cell.run('insert or ignore into vector_todo (model, memory) values (?, ?)', model, id);
  }
}

function putVector(cell: Cell, model: string, { uuid, version, values }: VectorRow, now: number): 0 | 1 {
  requireDimension(cell, model, values.length);
  const row = cell.get(`select m.id from memories m where m.uuid = ? and m.version = ? and ${LIVE} and alive()`, uuidBytes(uuid), version, now);
  if (row === undefined) return 0;
  const id = int(row, 'id');
  const blob = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const added = cell.run('insert or ignore into vectors (memory, model, dimension, vector) values (?, ?, ?, ?)', id, model, values.length, blob);
  cell.run('delete from vector_todo where model = ? and memory = ?', model, id);
  return added > 0 ? 1 : 0;
}

function requireDimension(cell: Cell, model: string, dimension: number): void {
  const known = modelRow(cell, model);
  if (known === undefined) {
    cell.run('insert into vector_models (model, dimension, done_to, vectors) values (?, ?, 0, 0)', model, dimension);
  } else if (int(known, 'vectors') === 0) {
    cell.run('update vector_models set dimension = ? where model = ?', dimension, model);
  } else if (int(known, 'dimension') !== dimension) {
    throw new CellFailure('invalid_input', `Vectors of this model have ${int(known, 'dimension')} numbers here, not ${dimension}.`);
  }
}

/** Moves the model's mark, and makes the model the searchable one when nothing is pending. Returns what is pending. */
function advance(cell: Cell, model: string, now: number): number {
  if (modelRow(cell, model) === undefined) return pendingCount(cell, model, now);
  const next = cell.get(`select m.id ${UNMARKED} order by m.id limit 1`, model, model);
  const doneTo = next === undefined ? Number(cell.get('select coalesce(max(id), 0) as id from memories')?.['id']) : int(next, 'id') - 1;
  cell.run('update vector_models set done_to = max(done_to, ?) where model = ?', doneTo, model);
  if (pendingRows(cell, model, now, 1).length > 0) return pendingCount(cell, model, now);
  if (metaText(cell, META.vectorModel) !== model) setMeta(cell, META.vectorModel, model);
  return 0;
}

/** Deletes vectors of models that are neither searched nor being made; returns how many are left. */
function dropStale(cell: Cell): number {
  let left = STALE_PER_CALL;
  const stale = cell.all(
    'select model, vectors from vector_models where model is not ? and model is not ?',
    searchableName(cell),
    targetModel(cell) ?? null,
  );
  for (const row of stale) {
    const model = text(row, 'model');
    const gone = cell.run('delete from vectors where rowid in (select rowid from vectors where model = ? and alive() limit ?)', model, left);
    left -= gone;
    if (gone < int(row, 'vectors')) cell.run('update vector_models set vectors = vectors - ? where model = ?', gone, model);
    else forgetModel(cell, model);
  }
  return stale.reduce((sum, row) => sum + int(row, 'vectors'), 0) - (STALE_PER_CALL - left);
}

function searchableName(cell: Cell): string | null {
  return metaText(cell, META.vectorModel) ?? null;
}

function forgetModel(cell: Cell, model: string): void {
  cell.run('delete from vector_todo where model = ?', model);
  cell.run('delete from vector_models where model = ?', model);
}

/** Live rows without a vector of the model, in order of arrival. */
function pendingRows(cell: Cell, model: string, now: number, limit: number): readonly Row[] {
  const todo = cell.all(
    `select m.id, m.uuid, m.version, m.content from vector_todo t cross join memories m on m.id = t.memory
     where t.model = ? and ${LIVE} and alive() order by t.memory limit ?`,
    model,
    now,
    limit,
  );
  return todo.length >= limit ? todo : [...todo, ...cell.all(UNMARKED_LIVE, model, model, now, limit - todo.length)];
}

function modelRow(cell: Cell, model: string): Row | undefined {
  return cell.get('select dimension, vectors from vector_models where model = ?', model);
}
