import type { PublishedIndex, Repository, RepositorySource, SyncReport } from '../../../domains/code/model.ts';
import type { EdgeBlock, StoredAnalysis } from '../../../domains/code/store.ts';
import type { Row } from '../cell/cell.ts';
import { nameOf, unpackRows } from './edge-rows.ts';
import { integer, text } from './rows.ts';

/** Rows of repositories and analyses to domain values. JSON columns hold what we serialised. */

export const REPOSITORY_COLUMNS = 'r.uuid, r.space, r.name, r.source, r.created_by, r.created_at, r.published, r.last_result, r.last_synced_at';
/** Without the last result, which can be long. */
export const LISTED_COLUMNS = REPOSITORY_COLUMNS.replace('r.last_result', 'null as last_result');
export const ANALYSIS_COLUMNS = 'a.id, a.generation, a.tree_id, a.started_at, a.finished_at, a.phases, a.complete';
export const EDGE_COLUMNS = 'e.direction, e.number, e.last_name, e.edges';

export function toRepository(row: Row): Repository {
  const { published, last_result: lastResult, last_synced_at: lastSyncedAt } = row;
  return {
    uuid: text(row, 'uuid'),
    space: text(row, 'space'),
    name: text(row, 'name'),
    source: JSON.parse(text(row, 'source')) as RepositorySource,
    createdBy: text(row, 'created_by'),
    createdAt: integer(row, 'created_at'),
    ...(typeof published === 'string' && { published: JSON.parse(published) as PublishedIndex }),
    ...(typeof lastResult === 'string' && { lastResult: JSON.parse(lastResult) as SyncReport }),
    ...(lastSyncedAt !== null && { lastSyncedAt: Number(lastSyncedAt) }),
  };
}

export function toAnalysis(row: Row): StoredAnalysis {
  const { finished_at: finishedAt } = row;
  return {
    id: text(row, 'id'),
    generation: integer(row, 'generation'),
    treeId: text(row, 'tree_id'),
    startedAt: integer(row, 'started_at'),
    ...(finishedAt !== null && { finishedAt: Number(finishedAt) }),
    phases: JSON.parse(text(row, 'phases')) as StoredAnalysis['phases'],
    complete: integer(row, 'complete') === 1,
  };
}

export function toEdgeBlock(row: Row): EdgeBlock {
  return {
    direction: row['direction'] === 'in' ? 'in' : 'out',
    number: integer(row, 'number'),
    last: nameOf(bytes(row, 'last_name')),
    rows: unpackRows(bytes(row, 'edges')),
  };
}

function bytes(row: Row, column: string): Uint8Array {
  const value = row[column];
  return value instanceof Uint8Array ? value : new Uint8Array();
}
