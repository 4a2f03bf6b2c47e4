import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// Tests start many threads and processes of the same few modules.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/compile');

const inner = ['kernel', 'config', 'domains', 'surfaces'].map((folder) => `src/${folder}/**/*.test.ts`);

/** The same at full length: minutes. */
const long = 'test/long/**/*.test.ts';

export default defineConfig({
  test: {
    pool: 'forks',
    // One more than there are processors: many tests wait, for a disk, a lease or a process that ends.
    maxWorkers: availableParallelism() + 1,
    // Modules run as the product runs them, by Node alone.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    testTimeout: 20_000,
    hookTimeout: 20_000,
    reporters: ['dot'],
    projects: [
      // What touches neither threads nor processes of its own shares one process for many files.
      { extends: true, test: { name: 'inner', include: inner, isolate: false } },
      { extends: true, test: { name: 'outer', include: ['src/**/*.test.ts', 'test/**/*.test.ts'], exclude: [...inner, long] } },
      { extends: true, test: { name: 'long', include: [long] } },
    ],
  },
});
