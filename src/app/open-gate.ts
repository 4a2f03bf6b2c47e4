import { AdmissionGate, type CallObserver, type JobDoor, type StorageAccounts } from '../domains/admission/index.ts';
import type { IdentityService } from '../domains/identity/index.ts';
import { repeat } from '../kernel/repeat.ts';
import { type CommonParts, random } from './common-parts.ts';
import { laneTable } from './lane-table.ts';
import { readUsedBytes } from './space-data.ts';
import type { EmbeddedStorage } from './storage.ts';

interface GateDeps extends CommonParts {
  readonly storage: EmbeddedStorage;
  readonly identity: IdentityService;
  readonly observer: CallObserver;
  readonly jobs: JobDoor;
  readonly checkOutputs: boolean;
}

const SAVE_TOTALS_MS = 5000;
const BYTES_PER_MB = 1024 * 1024;

/** The gate over the identity service, with storage totals that are saved now and then. */
export function openGate(deps: GateDeps): AdmissionGate {
  const { settings, clock, logger, identity, observer, jobs, checkOutputs, parts } = deps;
  const gate = new AdmissionGate({
    clock,
    random,
    logger,
    authority: identity,
    accounts: storageAccounts(deps),
    observer,
    jobs,
    lanes: laneTable(settings),
    maxOpsPerUser: settings.MAX_CONCURRENT_OPS_PER_USER,
    maxWaitingPerUser: settings.MAX_WAITING_PER_USER,
    serviceShare: settings.SERVICE_SHARE,
    maxStorageBytes: settings.MAX_STORAGE_MB * BYTES_PER_MB,
    checkOutputs,
  });
  parts.onEnd(
    'watching accounts',
    identity.onAccountChange((payer) => gate.quota.forget(payer)),
  );
  const save = (): Promise<void> => gate.quota.flush();
  parts.onEnd('storage totals', save);
  parts.onEnd(
    'saving storage totals',
    repeat(clock, SAVE_TOTALS_MS, () => save().catch((error: unknown) => logger.warn('storage totals could not be saved', {}, error))),
  );
  return parts.own('gate', gate);
}

function storageAccounts({ storage, identity, clock }: GateDeps): StorageAccounts {
  return {
    async usedBytes(payer) {
      const spaces = await identity.spacesPaidBy(payer);
      const bytes = await Promise.all(spaces.map((space) => readUsedBytes(storage, clock, payer, space)));
      return bytes.reduce((sum, each) => sum + each, 0);
    },
    groupOf: (payer) => storage.usage.groupOf(payer),
    groupBytes: (group) => storage.usage.groupBytes(group),
    savedBytes: (payer) => storage.usage.savedBytes(payer),
    save: (totals) => storage.usage.save(totals),
  };
}
