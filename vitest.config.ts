import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// Tests start many threads and processes of the same few modules.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/compile');

/** Kills and crowds at full length: minutes. */
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
      // Files share the processes: to load the product anew for each would take a fifth of the time.
      { extends: true, test: { name: 'short', include: ['src/**/*.test.ts', 'test/**/*.test.ts'], exclude: [long], isolate: false } },
      { extends: true, test: { name: 'long', include: [long] } },
    ],
  },
});
