import type { Settings } from '../config/options.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { RunningParts } from './running-parts.ts';

/** What every part of the server is built with. */
export interface CommonParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  /** Takes what must be ended. */
  readonly parts: RunningParts;
}
