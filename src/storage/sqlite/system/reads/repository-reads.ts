import type { Repository } from '../../../../domains/code/model.ts';
import type { EdgeBlock, EdgeDirection, PublishedGeneration, StoredAnalysis } from '../../../../domains/code/store.ts';
import type { Row } from '../../cell/cell.ts';
import { sortableName } from '../edge-rows.ts';
import type { SystemFile } from '../open-system-file.ts';
import { ANALYSIS_COLUMNS, EDGE_COLUMNS, LISTED_COLUMNS, REPOSITORY_COLUMNS, toAnalysis, toEdgeBlock, toRepository } from '../repository-rows.ts';
import { integer, text } from '../rows.ts';

/** Under this key the settings keep the folders anybody may index. */
export const ROOTS_KEY = 'code.roots';

export function repositoryById(file: SystemFile, space: string, uuid: string): Repository | undefined {
  const row = file.get(`select ${REPOSITORY_COLUMNS} from repositories r where r.uuid = ? and r.space = ?`, uuid, space);
  return row && toRepository(row);
}

export function repositoryByName(file: SystemFile, space: string, nameKey: string): Repository | undefined {
  const row = file.get(`select ${REPOSITORY_COLUMNS} from repositories r where r.space = ? and r.name_key = ?`, space, nameKey);
  return row && toRepository(row);
}

export function listRepositories(file: SystemFile, space: string, limit: number, after = ''): readonly Repository[] {
  const sql = `select ${LISTED_COLUMNS} from repositories r where r.space = ? and r.name_key > ? order by r.name_key limit ?`;
  return file.all(sql, space, after, limit).map(toRepository);
}

export function indexBytes(file: SystemFile, space: string): number {
  const row = file.get('select coalesce(sum(r.index_bytes), 0) as bytes from repositories r where r.space = ?', space);
  return row === undefined ? 0 : integer(row, 'bytes');
}

const PUBLISHED_COLUMNS = "r.uuid, r.generation, r.published ->> '$.stage' as stage";

export function publishedGenerations(file: SystemFile, limit: number, after = ''): readonly PublishedGeneration[] {
  return file.all(`select ${PUBLISHED_COLUMNS} from repositories r where r.uuid > ? order by r.uuid limit ?`, after, limit).map(toPublished);
}

export function publishedOf(file: SystemFile, uuid: string): PublishedGeneration | undefined {
  const row = file.get(`select ${PUBLISHED_COLUMNS} from repositories r where r.uuid = ?`, uuid);
  return row && toPublished(row);
}

function toPublished(row: Row): PublishedGeneration {
  const uuid = text(row, 'uuid');
  if (row['generation'] === null) return { uuid };
  return { uuid, generation: integer(row, 'generation'), stage: row['stage'] === 'complete' ? 'complete' : 'text' };
}

export function analyses(file: SystemFile, space: string, uuid: string): readonly StoredAnalysis[] {
  const sql = `select ${ANALYSIS_COLUMNS} from analyses a join repositories r on r.uuid = a.repository
    where r.uuid = ? and r.space = ? order by a.started_at desc, a.id desc`;
  return file.all(sql, uuid, space).map(toAnalysis);
}

/** Which block of which graph. */
interface EdgesFrom {
  readonly space: string;
  readonly uuid: string;
  readonly analysis: string;
  readonly direction: EdgeDirection;
  /** A block's number, or a name that none before it ends with or after. */
  readonly from: number | string;
}

export function edgeBlock(file: SystemFile, { space, uuid, analysis, direction, from }: EdgesFrom): EdgeBlock | undefined {
  const [condition, value] = typeof from === 'number' ? ['e.number = ?', from] : ['e.last_name >= ?', sortableName(from)];
  const sql = `select ${EDGE_COLUMNS} from analysis_edges e join repositories r on r.uuid = e.repository
    where r.uuid = ? and r.space = ? and e.analysis = ? and e.direction = ? and ${condition} order by e.last_name, e.number limit 1`;
  const row = file.get(sql, uuid, space, analysis, direction, value);
  return row && toEdgeBlock(row);
}

export function allowedRoots(file: SystemFile): readonly string[] {
  const row = file.get('select s.value from settings s where s.key = ?', ROOTS_KEY);
  return row === undefined ? [] : (JSON.parse(text(row, 'value')) as readonly string[]);
}
