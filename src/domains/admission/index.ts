export { AdmissionGate, type AdmissionDeps } from './admission-gate.ts';
export { LiveCalls } from './live-calls.ts';
export type { LaneLimits, LaneState, LaneTable } from './lanes.ts';
export type { CallerStanding, CallOptions, CallOutcome, Gate, PresentedCredential, RateStanding, StreamOutcome } from './model.ts';
export type { Authority, AuthorityChange, CallObserver, CallRecord, JobCall, JobDoor, StorageAccounts } from './ports.ts';
export type { UserUsage } from './usage-book.ts';
export type { BackupReport, ServerControl } from './server-control.ts';
export { admissionOperations, bindAdmissionOperations } from './operations/index.ts';
