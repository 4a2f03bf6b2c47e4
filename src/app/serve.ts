import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { destination } from 'pino';
import { loadSettings } from '../config/settings.ts';
import { systemClock } from '../kernel/clock.ts';
import { firstRunLines } from '../surfaces/cli/first-run.ts';
import type { ServeIo } from '../surfaces/cli/cli-deps.ts';
import { offerLocalModels } from './offer-local-models.ts';
import { createPinoLogger } from './pino-logger.ts';
import { startServer } from './server.ts';

interface ServeDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** A second wish to stop: running calls are not waited for any more. */
  readonly now: AbortSignal;
}

/** `polymnia serve`: runs a server until `io.signal`, then drains and ends. Logs go to stderr, the first key once to stdout. */
export async function serve(flags: readonly string[], io: ServeIo, { env, cwd, now }: ServeDeps): Promise<number> {
  const settings = loadSettings({ env, flags, dotenvPath: join(cwd, '.env') });
  const logs = destination({ dest: 2, sync: false });
  const logger = createPinoLogger(settings.LOG_LEVEL, logs);
  const server = await startServer(settings, logger);
  io.stdout.write(`Polymnia listens on ${server.url}; its pages are at ${server.url}/docs.\nWhat it stores is in ${resolve(settings.DATA_DIR)}.\n`);
  if (server.firstKey !== undefined) io.stdout.write(`${firstRunLines({ url: server.url, key: server.firstKey }).join('\n')}\n`);
  const offer = offerLocalModels({ settings, clock: systemClock, logger, signal: io.signal });
  const insist = (): void => void server.stop(0);
  now.addEventListener('abort', insist, { once: true });
  if (!io.signal.aborted) await once(io.signal, 'abort');
  io.stdout.write('Stopping: running calls may finish. Interrupt again to end at once.\n');
  await Promise.all([offer, server.stop()]);
  now.removeEventListener('abort', insist);
  logger.info('stopped');
  io.stdout.write('Stopped.\n');
  logs.flushSync();
  return 0;
}
