/**
 * `npm run bench [-- NAME…] [--quick] [--soak MINUTES] [--main FILE] [--corpus FOLDER]`: measures the built server and prints every figure
 * with its target. Each run adds one line to `bench/history.jsonl`, unless it is a quick one.
 */
import { appendFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { codeAnalysis } from './analysis.ts';
import { chat } from './chat.ts';
import { cleanUp } from './clean-up.ts';
import { coldStart } from './cold-start.ts';
import { durable } from './durable.ts';
import { codeSearch } from './code-search.ts';
import { codeSync } from './code-sync.ts';
import { globalLock } from './global-lock.ts';
import { growth } from './growth.ts';
import { interference, interferenceMemory, interferenceSync } from './interference.ts';
import { ladder } from './ladder.ts';
import { mcpCost } from './mcp-cost.ts';
import { memory } from './memory.ts';
import { peer } from './peer.ts';
import { soak } from './soak.ts';
import { tenUsers } from './ten-users.ts';
import type { Bench, BenchContext, Row } from './support/bench.ts';
import { describeMachine, gitCommit, type Machine } from './support/machine.ts';
import { openStage, type Stage } from './support/stage.ts';

/** In an order in which the small ones come first and the shared stage is filled once. */
const BENCHES: readonly Bench[] = [
  coldStart,
  durable,
  mcpCost,
  peer,
  codeSync,
  codeSearch,
  codeAnalysis,
  tenUsers,
  growth,
  memory,
  ladder,
  interference,
  interferenceMemory,
  interferenceSync,
  chat,
  cleanUp,
  globalLock,
  soak,
];
const FULL_STAGE = { users: 1000, memoriesEach: 1000 };
const QUICK_STAGE = { users: 100, memoriesEach: 300 };
const SOAK_MINUTES = 10;
const QUICK_SOAK_MINUTES = 0.25;
const HISTORY = join(import.meta.dirname, 'history.jsonl');

interface Wish {
  readonly benches: readonly Bench[];
  readonly isQuick: boolean;
  readonly soakMinutes: number;
  readonly main: string;
  readonly corpus?: string;
}

function parseWish(argv: readonly string[]): Wish {
  const options = { quick: { type: 'boolean' }, soak: { type: 'string' }, main: { type: 'string' }, corpus: { type: 'string' } } as const;
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  const isQuick = values.quick === true;
  const soakMinutes = Number(values.soak ?? (isQuick ? QUICK_SOAK_MINUTES : SOAK_MINUTES));
  if (!(soakMinutes > 0 && soakMinutes <= 1440)) throw new Error('--soak takes a number of minutes, at most 1440');
  const benches = positionals.map((name) => {
    const found = BENCHES.find((bench) => bench.name === name);
    if (found === undefined) throw new Error(`there is no bench "${name}"; there are ${BENCHES.map((bench) => bench.name).join(', ')}`);
    return found;
  });
  const program = resolve(values.main ?? join(import.meta.dirname, '../dist/main.js'));
  const corpus = values.corpus === undefined ? {} : { corpus: resolve(values.corpus) };
  return { benches: benches.length === 0 ? BENCHES : benches, isQuick, soakMinutes, main: program, ...corpus };
}

interface Result {
  readonly bench: string;
  readonly rows: readonly Row[];
  /** Why it could not be measured. */
  readonly failure?: string;
}

async function main(argv: readonly string[]): Promise<number> {
  const wish = parseWish(argv);
  const machine = describeMachine();
  const commit = gitCommit();
  console.log(
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}, fdatasync p50 ${machine.fsyncP50Ms} ms, load before ${machine.loadBefore}, commit ${commit}`,
  );
  if (wish.isQuick) console.log('Quick: little data and short phases. These figures are for development.');
  let stage: Promise<Stage> | undefined;
  const log = (text: string): void => console.log(`  ${text}`);
  const ctx: BenchContext = { ...wish, log, stage: () => (stage ??= openStage(wish.isQuick ? QUICK_STAGE : FULL_STAGE, wish.main, log)) };
  const results: Result[] = [];
  try {
    for (const bench of wish.benches) results.push(await runOne(bench, ctx));
  } finally {
    await (await stage)?.[Symbol.asyncDispose]();
  }
  if (!wish.isQuick) await remember(results, machine, commit);
  return summarise(results);
}

async function runOne(bench: Bench, ctx: BenchContext): Promise<Result> {
  console.log(`\n${bench.name}`);
  const startedAt = performance.now();
  try {
    const rows = await bench.run(ctx);
    for (const row of rows) console.log(lineOf(row));
    console.log(`  (${((performance.now() - startedAt) / 1000).toFixed(0)} s)`);
    return { bench: bench.name, rows };
  } catch (error) {
    console.error(error);
    return { bench: bench.name, rows: [], failure: error instanceof Error ? error.message : String(error) };
  }
}

function lineOf({ name, value, unit, target, ok, note }: Row): string {
  const mark = ok === undefined ? ' ' : ok ? '✓' : '✗';
  const aimed = target === undefined ? '' : `target ${target}`;
  return `  ${mark} ${name.padEnd(44)} ${shown(value).padStart(10)} ${unit.padEnd(12)} ${aimed.padEnd(28)} ${note ?? ''}`.trimEnd();
}

function shown(value: number): string {
  const digits = Math.abs(value) >= 1000 || Number.isInteger(value) ? 0 : Math.abs(value) >= 100 ? 1 : 2;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function summarise(results: readonly Result[]): number {
  const missed = results.flatMap(({ bench, rows }) =>
    rows.filter(({ ok }) => ok === false).map((row) => `${bench}: ${row.name} ${shown(row.value)} ${row.unit}, target ${row.target}`),
  );
  const failures = results.flatMap(({ bench, failure }) => (failure === undefined ? [] : [`${bench}: not measured: ${failure}`]));
  const met = results.flatMap(({ rows }) => rows).filter(({ ok }) => ok === true).length;
  console.log(`\n${met} targets met, ${missed.length} missed${failures.length > 0 ? `, ${failures.length} benches failed` : ''}`);
  for (const line of [...missed, ...failures]) console.log(`  ✗ ${line}`);
  return missed.length + failures.length > 0 ? 1 : 0;
}

async function remember(results: readonly Result[], machine: Machine, commit: string): Promise<void> {
  const line = { date: new Date().toISOString(), commit, machine, results };
  await appendFile(HISTORY, `${JSON.stringify(line)}\n`);
}

process.exitCode = await main(process.argv.slice(2));
