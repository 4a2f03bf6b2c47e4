import { randomInt } from 'node:crypto';
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

const RANDOM_RANGE = 2 ** 32;

/** Numbers in [0, 1), to spread retries. */
export function random(): number {
  return randomInt(RANDOM_RANGE) / RANDOM_RANGE;
}
