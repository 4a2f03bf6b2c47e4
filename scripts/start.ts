/** Builds what changed, then goes on as the built program in this same process, so that signals reach it: `npm start`, `npm run demo`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const main = join(root, 'dist', 'main.js');
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const build = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });

if (build.status === 0) {
  process.argv[1] = main;
  await import(main);
} else {
  process.exitCode = build.status ?? 1;
}
