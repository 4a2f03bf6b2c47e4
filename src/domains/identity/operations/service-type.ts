import type { Standing } from '../ports.ts';
import type { IdentityService } from '../service.ts';

/** What the identity operations run on. */
export interface IdentityOperationsService {
  readonly identity: IdentityService;
  readonly standing: Standing;
}
