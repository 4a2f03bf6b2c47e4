/** Builds what changed, then goes on as the built program in this same process, so that signals reach it: `npm start`, `npm run demo`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const main = join(root, 'dist', 'main.js');
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const build = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });

/** How soon the end of npm is noticed. */
const CHECK_MS = 500;

/** npm passes SIGTERM on to its shell alone, which dies of it: without this the server would run on, owned by nobody. */
function stopWithParent(): void {
  const parent = process.ppid;
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (isStopping = true));
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    if (!isStopping) process.kill(process.pid, 'SIGTERM');
  }, CHECK_MS).unref();
}

if (build.status === 0) {
  stopWithParent();
  process.argv[1] = main;
  await import(main);
} else {
  process.exitCode = build.status ?? 1;
}
