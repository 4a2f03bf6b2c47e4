export type { AuthorityChange } from './authority-feed.ts';
export type { SpaceDeletionReport, UserDeletion, UserDeletionReport } from './deletions.ts';
export type { ApiKey, AuditRow, Member, Space, User, UserRole } from './model.ts';
export { bindIdentityOperations, identityOperations } from './operations/index.ts';
export type { IdentityOperationsService } from './operations/service-type.ts';
export type { SpaceData, Standing, StandingReport } from './ports.ts';
export { type IdentityDeps, IdentityService, type Profile } from './service.ts';
export type { IdentityStore } from './store.ts';
