import type { CleanUp } from '../clean-up/clean-up.ts';
import type { Standing } from '../ports.ts';
import type { IdentityService } from '../service.ts';

/** What the identity operations run on. */
export interface IdentityOperationsService {
  readonly identity: IdentityService;
  readonly standing: Standing;
  readonly cleanUp: Pick<CleanUp, 'run'>;
}
