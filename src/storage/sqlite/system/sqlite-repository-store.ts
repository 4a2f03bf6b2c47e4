import type { RepositoryStore } from '../../../domains/code/store.ts';
import {
  allowedRoots,
  analyses,
  edgeBlock,
  indexBytes,
  listRepositories,
  publishedGenerations,
  publishedOf,
  repositoryById,
  repositoryByName,
  ROOTS_KEY,
} from './reads/repository-reads.ts';
import type { SystemDatabase } from './system-database.ts';

/** The repository store over `system.db`. */
export function createSqliteRepositoryStore(database: SystemDatabase): RepositoryStore {
  return {
    ensure: (repository, maxPerSpace) => database.write('ensureRepository', { repository, maxPerSpace }),
    get: async (space, uuid) => database.read((file) => repositoryById(file, space, uuid)),
    byName: async (space, nameKey) => database.read((file) => repositoryByName(file, space, nameKey)),
    list: async (space, limit, after) => database.read((file) => listRepositories(file, space, limit, after)),
    setSource: (space, uuid, source) => database.write('setRepositorySource', { space, uuid, source }),
    nextGeneration: (space, uuid) => database.write('nextGeneration', { space, uuid }),
    publish: (space, uuid, index) => database.write('publishIndex', { space, uuid, index }),
    unpublish: (uuid, generation) => database.write('unpublishIndex', { uuid, generation }),
    noteResult: (space, uuid, report, at) => database.write('noteSyncResult', { space, uuid, report, at }),
    indexBytes: async (space) => database.read((file) => indexBytes(file, space)),
    remove: (space, uuid) => database.write('removeRepository', { space, uuid }),
    removeSpace: (space) => database.write('removeSpaceRepositories', { space }),
    removeAuthored: (space, author) => database.write('removeAuthoredRepositories', { space, author }),
    published: async (limit, after) => database.read((file) => publishedGenerations(file, limit, after)),
    publishedOf: async (uuid) => database.read((file) => publishedOf(file, uuid)),
    putAnalysis: (space, uuid, analysis) => database.write('putAnalysis', { space, uuid, analysis }),
    analyses: async (space, uuid) => database.read((file) => analyses(file, space, uuid)),
    putEdges: (space, uuid, analysis, blocks) => database.write('putEdges', { space, uuid, analysis, blocks }),
    edgeBlock: async (space, uuid, analysis, direction, from) => database.read((file) => edgeBlock(file, { space, uuid, analysis, direction, from })),
    allowedRoots: async () => database.read(allowedRoots),
    setAllowedRoots: (roots) => database.write('putSetting', { key: ROOTS_KEY, value: JSON.stringify(roots) }),
  };
}
