import { textFlag } from './arguments.ts';
import type { FlagValues } from './command.ts';
import type { ServerChoice } from './find-server.ts';

/** The server a run's flags name. */
export function serverChoice(values: FlagValues): ServerChoice {
  const [url, key, dataDir] = [textFlag(values, 'url'), textFlag(values, 'key'), textFlag(values, 'data-dir')];
  return { ...(url === undefined ? {} : { url }), ...(key === undefined ? {} : { key }), ...(dataDir === undefined ? {} : { dataDir }) };
}
