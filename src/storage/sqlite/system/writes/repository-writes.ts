import type { PublishedIndex, Repository, RepositorySource, SyncReport } from '../../../../domains/code/model.ts';
import type { EdgeBlock, NewRepository, StoredAnalysis } from '../../../../domains/code/store.ts';
import { notFound } from '../../../../kernel/errors.ts';
import { packRows, sortableName } from '../edge-rows.ts';
import type { SystemFile } from '../open-system-file.ts';
import { analyses, repositoryById, repositoryByName } from '../reads/repository-reads.ts';
import { integer, text } from '../rows.ts';

/** Which repository of which space. */
interface Named {
  readonly space: string;
  readonly uuid: string;
}

const ANALYSES_KEPT = 2;

export function ensureRepository(
  file: SystemFile,
  { repository, maxPerSpace }: { repository: NewRepository; maxPerSpace: number },
): { repository: Repository; created: boolean } | undefined {
  const { uuid, space, name, nameKey, source, createdBy, createdAt } = repository;
  const known = repositoryByName(file, space, nameKey);
  if (known !== undefined) return { repository: known, created: false };
  if (file.get('select 1 from spaces s where s.key = ? and s.deleted_at is not null', space) !== undefined) throw notFound('space');
  const count = file.get('select count(*) as n from repositories r where r.space = ?', space);
  if (count !== undefined && integer(count, 'n') >= maxPerSpace) return undefined;
  const sql = 'insert into repositories (uuid, space, name, name_key, source, created_by, created_at) values (?, ?, ?, ?, ?, ?, ?)';
  file.run(sql, uuid, space, name, nameKey, JSON.stringify(source), createdBy, createdAt);
  return { repository: { uuid, space, name, source, createdBy, createdAt }, created: true };
}

export function setRepositorySource(file: SystemFile, { space, uuid, source }: Named & { source: RepositorySource }): void {
  file.run('update repositories set source = ? where uuid = ? and space = ?', JSON.stringify(source), uuid, space);
}

export function nextGeneration(file: SystemFile, { space, uuid }: Named): number {
  const sql = 'update repositories set last_generation = last_generation + 1 where uuid = ? and space = ? returning last_generation as generation';
  const row = file.get(sql, uuid, space);
  if (row === undefined) throw notFound('repository');
  return integer(row, 'generation');
}

export function publishIndex(file: SystemFile, { space, uuid, index }: Named & { index: PublishedIndex }): { replacedBytes: number } | undefined {
  const { generation } = index;
  const sql = 'select r.index_bytes from repositories r where r.uuid = ? and r.space = ? and coalesce(r.generation, 0) <= ?';
  const row = file.get(sql, uuid, space, generation);
  if (row === undefined) return undefined;
  const set = 'update repositories set generation = ?, published = ?, index_bytes = ? where uuid = ?';
  file.run(set, generation, JSON.stringify(index), index.indexBytes, uuid);
  return { replacedBytes: integer(row, 'index_bytes') };
}

export function unpublishIndex(file: SystemFile, { uuid, generation }: { uuid: string; generation: number }): void {
  file.run('update repositories set generation = null, published = null, index_bytes = 0 where uuid = ? and generation = ?', uuid, generation);
}

export function noteSyncResult(file: SystemFile, { space, uuid, report, at }: Named & { report: SyncReport; at: number }): void {
  file.run('update repositories set last_result = ?, last_synced_at = ? where uuid = ? and space = ?', JSON.stringify(report), at, uuid, space);
}

export function removeRepository(file: SystemFile, { space, uuid }: Named): Repository | undefined {
  const repository = repositoryById(file, space, uuid);
  if (repository !== undefined) file.run('delete from repositories where uuid = ?', uuid);
  return repository;
}

export function removeSpaceRepositories(file: SystemFile, { space }: { space: string }): readonly string[] {
  const uuids = file.all('select r.uuid from repositories r where r.space = ? order by r.uuid', space).map((row) => text(row, 'uuid'));
  file.run('delete from repositories where space = ?', space);
  return uuids;
}

export function removeAuthoredRepositories(file: SystemFile, { space, author }: { space: string; author: string }): readonly string[] {
  const sql = 'delete from repositories where space = ? and created_by = ? returning uuid';
  return file.all(sql, space, author).map((row) => text(row, 'uuid'));
}

/** Phases are added: those put before under the same id stay. */
export function putAnalysis(file: SystemFile, { space, uuid, analysis }: Named & { analysis: StoredAnalysis }): void {
  const known = analyses(file, space, uuid);
  if (repositoryById(file, space, uuid) === undefined) return;
  const { id, generation, treeId, startedAt, finishedAt = null, complete } = analysis;
  const phases = { ...known.find((each) => each.id === id)?.phases, ...analysis.phases };
  const sql = `insert into analyses (repository, id, generation, tree_id, started_at, finished_at, phases, complete) values (?, ?, ?, ?, ?, ?, ?, ?)
    on conflict do update set finished_at = excluded.finished_at, phases = excluded.phases, complete = excluded.complete`;
  file.run(sql, uuid, id, generation, treeId, startedAt, finishedAt, JSON.stringify(phases), complete ? 1 : 0);
  for (const { id: old } of analyses(file, space, uuid).slice(ANALYSES_KEPT))
    file.run('delete from analyses where repository = ? and id = ?', uuid, old);
}

export function putEdges(file: SystemFile, { space, uuid, analysis, blocks }: Named & { analysis: string; blocks: readonly EdgeBlock[] }): void {
  const known = 'select 1 from analyses a join repositories r on r.uuid = a.repository where r.uuid = ? and r.space = ? and a.id = ?';
  if (file.get(known, uuid, space, analysis) === undefined) return;
  const sql = 'insert or replace into analysis_edges (repository, analysis, direction, number, last_name, edges) values (?, ?, ?, ?, ?, ?)';
  for (const { direction, number, last, rows } of blocks) file.run(sql, uuid, analysis, direction, number, sortableName(last), packRows(rows));
}
