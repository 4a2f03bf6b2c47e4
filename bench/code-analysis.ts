/**
 * `node bench/code-analysis.ts FOLDER [--index FOLDER]`: indexes a folder, or takes the index that is kept in `--index`, and analyses it: processor
 * seconds by phase, and what came out. What is measured is what the child process of `batch_analyze` does.
 */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { syncRepository } from '../src/app/children/sync-repository.ts';
import { analyse } from '../src/domains/code/analysis/analyse.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { createSourceOpener } from '../src/providers/sources/source-opener.ts';
import { AnalysisRows } from '../src/storage/sqlite/code/analysis-rows.ts';

const MB = 1024 * 1024;
const [source = ''] = process.argv.slice(2);
const kept = process.argv.includes('--index') ? process.argv[process.argv.indexOf('--index') + 1] : undefined;
if (source === '') {
  console.error('usage: node bench/code-analysis.ts FOLDER [--index FOLDER]');
  process.exit(2);
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function index(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const path = realpathSync(source);
  const opener = createSourceOpener({ clock: systemClock, allowSsh: false, allowedPrivateHosts: [] });
  const began = cpuSeconds();
  const report = await syncRepository(
    {
      source: { kind: 'folder', path },
      cloneFolder: '',
      allowedRoots: [path],
      folder,
      generation: 1,
      mode: 'full',
      threads: 2,
      allowSsh: false,
      allowedPrivateHosts: [],
      budgets: {
        maxFiles: 200_000,
        maxBytes: 2048 * MB,
        maxTextBytes: 2 * MB,
        maxParseBytes: MB,
        maxParseMs: 2000,
        maxPathDepth: 64,
        cloneBytes: 0,
        cloneMs: 0,
      },
    },
    { opener, clock: systemClock, signal: new AbortController().signal, event: () => {} },
  );
  const megabytes = (report.sourceBytes / MB).toFixed(1);
  console.log(`indexed ${report.filesIndexed} files, ${megabytes} MB, ${report.symbols} symbols: ${(cpuSeconds() - began).toFixed(1)} s CPU`);
}

const folder = kept ?? mkdtempSync(join(tmpdir(), 'polymnia-analysis-'));
try {
  if (!existsSync(join(folder, 'manifest.db'))) await index(folder);
  using generation = new AnalysisRows(folder);
  const began = cpuSeconds();
  const startedAt = performance.now();
  const parts = await analyse(
    { generation, history: { unavailable: 'a folder' }, budgets: { phaseMs: 600_000, fingerprintBytes: 512 * MB } },
    {
      spentMs: () => cpuSeconds() * 1000,
      breathe,
      progress: () => {},
      edges: () => {},
      ended: (phase, { seconds, complete }) => console.log(`${phase.padEnd(14)} ${seconds.toFixed(2).padStart(8)} s CPU  complete: ${complete}`),
    },
  );
  console.log(
    `all            ${(cpuSeconds() - began).toFixed(2).padStart(8)} s CPU, ${((performance.now() - startedAt) / 1000).toFixed(1)} s on the clock`,
  );
  console.log(`memory: ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB at most${kept === undefined ? ', indexing included' : ''}`);
  console.log(`result: ${(JSON.stringify(parts).length / 1024).toFixed(0)} KB`);
  if (process.argv.includes('--show')) console.log(JSON.stringify(parts, undefined, 1));
} finally {
  if (kept === undefined) rmSync(folder, { recursive: true, force: true });
}
