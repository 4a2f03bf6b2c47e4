/** `node bench/report.ts`: writes the newest figures of every bench from `bench/history.jsonl` into `docs/benchmarks.md`. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const ROOT = join(import.meta.dirname, '..');
const PAGE = join(ROOT, 'docs/benchmarks.md');
const [BEGIN, END] = ['<!-- figures: written by bench/report.ts -->', '<!-- end of figures -->'];

const row = z.object({
  name: z.string(),
  // JSON has no NaN: a figure that could not be had is null.
  value: z.number().nullable(),
  unit: z.string(),
  target: z.string().optional(),
  ok: z.boolean().optional(),
  note: z.string().optional(),
});
const run = z.object({
  date: z.string(),
  commit: z.string(),
  machine: z.object({
    cpu: z.string(),
    cores: z.number(),
    memoryGb: z.number(),
    kernel: z.string(),
    node: z.string(),
    fsyncP50Ms: z.number(),
    loadBefore: z.number(),
  }),
  results: z.array(z.object({ bench: z.string(), rows: z.array(row), failure: z.string().optional() })),
});
type Run = z.output<typeof run>;
type Row = z.output<typeof row>;

function section(bench: string, rows: readonly Row[], { date, commit, machine }: Run): string {
  const { cpu, cores, memoryGb, kernel, node, fsyncP50Ms, loadBefore } = machine;
  const where = `${cpu}, ${cores} cores, ${memoryGb} GB, Linux ${kernel}, Node ${node}`;
  const state = `fdatasync p50 ${fsyncP50Ms} ms, load before ${loadBefore}`;
  return [
    `### ${bench}`,
    '',
    `${date.slice(0, 16).replace('T', ' ')} UTC, commit ${commit}. ${where}; ${state}.`,
    '',
    '| figure | value | target | | |',
    '|---|---|---|---|---|',
    ...rows.map(lineOf),
  ].join('\n');
}

function lineOf({ name, value, unit, target = '', ok, note = '' }: Row): string {
  const mark = ok === undefined ? '' : ok ? 'met' : '**missed**';
  return `| ${[name, `${value === null ? '-' : shown(value)} ${unit}`, target, mark, note].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function shown(value: number): string {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 2;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const lines = (await readFile(join(import.meta.dirname, 'history.jsonl'), 'utf8')).split('\n').filter((line) => line !== '');
const newest = new Map<string, string>();
for (const each of lines.map((line) => run.parse(JSON.parse(line)))) {
  for (const { bench, rows, failure } of each.results) if (failure === undefined) newest.set(bench, section(bench, rows, each));
}
const page = await readFile(PAGE, 'utf8');
const [before, rest = ''] = page.split(BEGIN);
const [, after = ''] = rest.split(END);
await writeFile(PAGE, `${before}${BEGIN}\n\n${[...newest.values()].join('\n\n')}\n\n${END}${after}`);
