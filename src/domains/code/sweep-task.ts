import { orAbort } from '../../kernel/abort.ts';
import type { ScheduledTask } from '../jobs/index.ts';
import type { RepositoryService } from './service.ts';

/** Clears away what crashes left in the folder of code indexes. */
export function sweepRepositoriesTask(service: Pick<RepositoryService, 'sweep'>): ScheduledTask {
  return {
    name: 'clean_code_indexes',
    pattern: '41 * * * *',
    description: 'Removes index folders that no repository names.',
    async run(signal) {
      const { repositories, generations, missing } = await orAbort(service.sweep(), signal);
      return `removed ${repositories} repositories and ${generations} generations; ${missing} indexes were not there`;
    },
  };
}
