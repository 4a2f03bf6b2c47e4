import type { AdmissionGate, ServerControl } from '../domains/admission/index.ts';
import type { RepositoryService } from '../domains/code/index.ts';
import type { ConversationService } from '../domains/conversation/index.ts';
import type { JobService } from '../domains/jobs/index.ts';
import type { Clock } from '../kernel/clock.ts';
import { backupFolder } from '../storage/sqlite/backup.ts';
import type { Readings } from './metrics.ts';
import type { EmbeddedStorage } from './storage.ts';

interface ControlDeps {
  readonly gate: AdmissionGate;
  readonly jobs: JobService;
  readonly repositories: RepositoryService;
  readonly conversation: ConversationService;
  readonly storage: EmbeddedStorage;
  readonly clock: Clock;
  readonly version: string;
}

/** What administrators see of this server, and the backup. */
export function createServerControl({ gate, jobs, repositories, conversation, storage, clock, version }: ControlDeps): ServerControl {
  const { files, folder } = storage;
  return {
    lanes: (maxUsers) => [...gate.lanes(maxUsers), conversation.line.lane(maxUsers)],
    jobLanes: (maxUsers) => jobs.admin.lanes(maxUsers),
    busiest: (limit) => gate.busiest(limit),
    locks: () => [...files.locks(), ...repositories.locks(), ...conversation.line.locks()],
    async backup(directory, signal, onProgress) {
      const request = { spaces: files, systemDb: folder.systemDb, target: directory, version, clock, signal, onProgress };
      const manifest = await backupFolder(request);
      return { directory, files: manifest.files.length, bytes: manifest.files.reduce((sum, file) => sum + file.bytes, 0) };
    },
  };
}

/** What the metrics read at a scrape. */
export function readServer(gate: AdmissionGate, jobs: JobService, conversation: ConversationService, { files }: EmbeddedStorage): Readings {
  const { readers, writers, openHits, openMisses, walBytes } = files.stats();
  return {
    lanes: [...gate.load(), conversation.line.load()],
    threads: [
      { role: 'reader', busy: readers.busy, waiting: readers.waiting },
      { role: 'writer', busy: writers.busy, waiting: writers.waiting },
    ],
    handles: { open: readers.openFiles + writers.openFiles, hits: openHits, misses: openMisses },
    walBytes,
    eventStreams: jobs.openStreams,
  };
}
