import { cancelJob, cancelJobs, pruneJobs, retryJob, setJobPriority, setJobsUnwatched, setLaneMode } from './job-changes.ts';
import { claimJobs, expireJobLeases, finishJobs, heartbeatJobs } from './job-runs.ts';
import { enqueueJob } from './job-writes.ts';
import { createKey, revokeKey, touchKeys } from './key-writes.ts';
import {
  ensureRepository,
  nextGeneration,
  noteSyncResult,
  publishIndex,
  putAnalysis,
  putEdges,
  removeAuthoredRepositories,
  removeRepository,
  removeSpaceRepositories,
  setRepositorySource,
  unpublishIndex,
} from './repository-writes.ts';
import { noteScheduleRun, putSchedule, setSchedulePaused, takeSlot } from './schedule-writes.ts';
import { beginSpaceDeletion, createSpace, finishDeletion, removeMember, setMember, updateSpace } from './space-writes.ts';
import { clearWork, markWork, putSetting, saveUsage } from './upkeep-writes.ts';
import { beginUserDeletion, claimServiceUser, createFirst, createUser, touchUsers, updateUser } from './user-writes.ts';

/** Every write of `system.db`, by name: what the writer thread can be asked for. Each runs whole inside a savepoint. */
export const SYSTEM_WRITES = {
  createFirst,
  createUser,
  claimServiceUser,
  updateUser,
  touchUsers,
  beginUserDeletion,
  createKey,
  revokeKey,
  touchKeys,
  createSpace,
  updateSpace,
  setMember,
  removeMember,
  beginSpaceDeletion,
  finishDeletion,
  markWork,
  clearWork,
  putSetting,
  saveUsage,
  ensureRepository,
  setRepositorySource,
  nextGeneration,
  publishIndex,
  unpublishIndex,
  noteSyncResult,
  removeRepository,
  removeSpaceRepositories,
  removeAuthoredRepositories,
  putAnalysis,
  putEdges,
  enqueueJob,
  claimJobs,
  heartbeatJobs,
  finishJobs,
  expireJobLeases,
  cancelJob,
  cancelJobs,
  setJobsUnwatched,
  setJobPriority,
  retryJob,
  pruneJobs,
  setLaneMode,
  putSchedule,
  setSchedulePaused,
  takeSlot,
  noteScheduleRun,
} as const;

export type SystemWrites = typeof SYSTEM_WRITES;
export type SystemWriteName = keyof SystemWrites;
export type WriteArgs<Name extends SystemWriteName> = Parameters<SystemWrites[Name]>[1];
export type WriteResult<Name extends SystemWriteName> = ReturnType<SystemWrites[Name]>;
