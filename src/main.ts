import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { operations } from './app/operations.ts';
import { listenForStop } from './app/signals.ts';
import { readVersion } from './app/version.ts';
import { systemClock } from './kernel/clock.ts';
import type { CliHooks } from './surfaces/cli/cli-deps.ts';
import { runCli } from './surfaces/cli/run-cli.ts';

const { argv, env, stdin, stdout, stderr, version: nodeVersion } = process;
const cwd = process.cwd();
using stop = listenForStop();

/** What only the whole program can do is loaded when it is asked for: a command starts without the server's weight. */
const hooks: CliHooks = {
  async serve(flags, io) {
    const { serve } = await import('./app/serve.ts');
    return serve(flags, io, { env, cwd, now: stop.second });
  },
  async spawnServer(flags) {
    const child = spawn(process.execPath, [import.meta.filename, 'serve', ...flags], { detached: true, stdio: 'ignore' });
    await once(child, 'spawn');
    child.unref();
  },
  async restore(options) {
    const { restore } = await import('./app/offline.ts');
    return restore(options, stop.first);
  },
  async inspectOffline(dataDir, onProgress) {
    const { inspectOffline } = await import('./app/offline.ts');
    return inspectOffline(dataDir, stop.first, onProgress);
  },
  async checkModels(settings) {
    const { checkModels } = await import('./app/offer-local-models.ts');
    return checkModels({ settings, clock: systemClock, signal: stop.first });
  },
  async checkRedis(url) {
    const { checkRedis } = await import('./app/check-redis.ts');
    return checkRedis({ url, clock: systemClock }, stop.first);
  },
};

process.exitCode = await runCli({
  argv: argv.slice(2),
  env,
  cwd,
  stdin,
  stdout,
  stderr,
  isTty: stdout.isTTY,
  isErrorTty: stderr.isTTY,
  columns: stdout.columns ?? 100,
  signal: stop.first,
  clock: systemClock,
  version: readVersion(),
  nodeVersion,
  timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  operations,
  hooks,
});
