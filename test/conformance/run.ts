import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startConformanceServer } from './server.ts';

/** Frozen requirement sets of the suite, each run at its own revision. */
const REVISIONS = ['2026-07-28', '2025-11-25'] as const;

/** A set takes a few seconds; beyond this it hangs. */
const SET_DEADLINE_MS = 50_000;

const SUITE = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/conformance');

/** Lines of a failed set's output that are shown. */
const TAIL_LINES = 80;

interface SetResult {
  readonly ok: boolean;
  /** Scenarios the revision requires; the suite also runs others, which do not count. */
  readonly required: number;
  readonly expectedFailures: number;
  /** Single checks of the required scenarios that passed. */
  readonly checks: number;
  readonly output: string;
}

async function runSet(url: string, revision: string, results: string): Promise<SetResult> {
  const expected = join(import.meta.dirname, `expected-failures-${revision}.yml`);
  const child = spawn(
    process.execPath,
    [join(SUITE, 'dist/index.js'), 'server', '--url', url, '--requirements', revision, '--expected-failures', expected, '-o', results],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: AbortSignal.timeout(SET_DEADLINE_MS),
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exitCode = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  return { ok: exitCode === 0 && output.includes('Baseline check passed'), ...(await count(output, revision)), output };
}

/** Counts what the suite's summary says about the scenarios that the revision requires. */
async function count(output: string, revision: string): Promise<{ required: number; expectedFailures: number; checks: number }> {
  const requirements = await readFile(join(SUITE, 'requirements', `${revision}.yaml`), 'utf8');
  const [, serverPart = ''] = /^server:\n((?: {2}- .+\n)+)/m.exec(requirements) ?? [];
  const names = new Set([...serverPart.matchAll(/- (\S+)/g)].map((match) => match[1]));
  const lines = [...output.matchAll(/^[✓✗] (\S+): (\d+) passed/gmu)].filter((match) => names.has(match[1]));
  return {
    required: names.size,
    expectedFailures: [...output.matchAll(/^ {2}~ \S+/gm)].length,
    checks: lines.reduce((sum, match) => sum + Number(match[2]), 0),
  };
}

/** Runs both sets against a server of our own; true when only expected failures occurred. */
async function main(): Promise<boolean> {
  await using server = await startConformanceServer();
  const results = await mkdtemp(join(tmpdir(), 'polymnia-conformance-'));
  let allOk = true;
  try {
    for (const revision of REVISIONS) {
      const set = await runSet(server.url, revision, results);
      if (!set.ok) process.stdout.write(`${set.output.split('\n').slice(-TAIL_LINES).join('\n')}\n`);
      process.stdout.write(
        `mcp ${revision}: ${set.ok ? 'ok' : 'FAILED'}, ${set.required} scenarios required, ${set.expectedFailures} expected to fail, ${set.checks} checks passed\n`,
      );
      allOk &&= set.ok;
    }
  } finally {
    await rm(results, { recursive: true, force: true });
  }
  return allOk;
}

process.exitCode = (await main()) ? 0 : 1;
