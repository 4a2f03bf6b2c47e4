import { formatCount } from '../human-values.ts';
import type { Palette } from '../terminal-text.ts';
import { formatTable } from '../text-table.ts';
import { type Outcome, isRefusal, type OperationRecord, type Recorder } from './recorder.ts';

/** Above this the generator itself was too late too often, and its figures say little about the server. */
const MAX_LATENESS_MS = 5;

/** Figures of one operation; milliseconds, absent when no call was answered. */
export interface OperationFigures {
  readonly operation: string;
  readonly ok: number;
  readonly refused: number;
  readonly failed: number;
  readonly p50?: number;
  readonly p95?: number;
  readonly p99?: number;
  readonly max?: number;
}

/** The result of a load, as `--json` prints it. Rates per second, times in milliseconds. */
export interface LoadReport {
  readonly users: string;
  readonly seconds: number;
  readonly askedPerSecond: number;
  readonly servedPerSecond: number;
  readonly operations: readonly OperationFigures[];
  /** Everything that was not answered well, by code. */
  readonly refusals: Readonly<Record<Outcome, number>>;
  readonly errors: Readonly<Record<Outcome, number>>;
  /** How late the generator itself was. */
  readonly lateness: { readonly p50: number; readonly p99: number };
  /** False: the generator was too late for the latencies to be trusted. */
  readonly valid: boolean;
}

/** Was the generator punctual enough for its latencies to mean something? */
export function isPunctual(recorder: Recorder): boolean {
  return recorder.lateness.count > 0 && recorder.lateness.quantile(0.99) <= MAX_LATENESS_MS;
}

export function createReport(recorder: Recorder, seconds: number, users: string): LoadReport {
  const others = [...recorder.outcomes()].filter(([outcome]) => outcome !== 'ok').toSorted((a, b) => b[1] - a[1]);
  return {
    users,
    seconds: round(seconds),
    askedPerSecond: round(recorder.due / seconds),
    servedPerSecond: round(recorder.totals().ok / seconds),
    operations: [...recorder.operations].toSorted(([a], [b]) => a.localeCompare(b)).map(([name, record]) => figures(name, record)),
    refusals: Object.fromEntries(others.filter(([outcome]) => isRefusal(outcome))),
    errors: Object.fromEntries(others.filter(([outcome]) => !isRefusal(outcome))),
    lateness: { p50: round(recorder.lateness.quantile(0.5)), p99: round(recorder.lateness.quantile(0.99)) },
    valid: isPunctual(recorder),
  };
}

function figures(operation: string, { ok, others, latency }: OperationRecord): OperationFigures {
  const sum = (wanted: boolean): number =>
    Object.entries(others)
      .filter(([outcome]) => isRefusal(outcome) === wanted)
      .reduce((total, [, count]) => total + count, 0);
  const counts = { operation, ok, refused: sum(true), failed: sum(false) };
  if (ok === 0) return counts;
  const at = (q: number): number => round(latency.quantile(q));
  return { ...counts, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: round(latency.maxMs) };
}

/** The report for people. */
export function renderReport(report: LoadReport, palette: Palette, columns: number): string {
  const header = ['operation', 'ok', 'refused', 'failed', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms'];
  const rows = report.operations.map(({ operation, ok, refused, failed, p50, p95, p99, max }) => [
    operation,
    ...[ok, refused, failed].map(formatCount),
    ...[p50, p95, p99, max].map((ms) => (ms === undefined ? '' : formatMs(ms))),
  ]);
  return [
    `${palette.bold(`${report.servedPerSecond} of ${report.askedPerSecond} calls a second answered`)} over ${report.seconds} s, as ${report.users}`,
    '',
    formatTable(header, rows, palette, columns),
    '',
    ...reasons('Refused', report.refusals),
    ...reasons('Failed', report.errors),
    verdict(report, palette),
  ].join('\n');
}

function reasons(title: string, counts: Readonly<Record<Outcome, number>>): readonly string[] {
  const parts = Object.entries(counts).map(([code, count]) => `${code} ${formatCount(count)}`);
  return parts.length === 0 ? [] : [`${title}: ${parts.join(', ')}`];
}

function verdict({ lateness, valid }: LoadReport, palette: Palette): string {
  const late = `the generator was late by ${formatMs(lateness.p50)} ms (p50), ${formatMs(lateness.p99)} ms (p99)`;
  if (valid) return palette.good(`Valid: ${late}.`);
  return palette.warn(
    `Void: ${late}; above ${MAX_LATENESS_MS} ms at p99 the latencies say little about the server. Use a machine of its own, or fewer calls.`,
  );
}

/** Milliseconds with as many digits as mean something. */
export function formatMs(ms: number): string {
  if (!Number.isFinite(ms)) return '-';
  return ms >= 100 ? String(Math.round(ms)) : ms.toFixed(ms >= 10 ? 1 : 2);
}

function round(value: number): number {
  return Number.isFinite(value) ? Math.round(value * 100) / 100 : 0;
}
