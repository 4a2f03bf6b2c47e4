import { formatCount } from '../human-values.ts';
import { formatMs } from '../load/load-report.ts';
import type { Recorder } from '../load/recorder.ts';
import type { Palette } from '../terminal-text.ts';
import { formatTable } from '../text-table.ts';

/** What one group of users saw during one phase. */
export interface GroupPhase {
  /** 1 for the first phase. */
  readonly phase: number;
  readonly group: string;
  readonly isLight: boolean;
  /** The greedy one was there too. */
  readonly isBeside: boolean;
  readonly recorder: Recorder;
  /** Length so far. */
  seconds: number;
}

/** The light users' experience in both kinds of phases. */
export interface DemoVerdict {
  readonly aloneP95Ms: number;
  readonly besideP95Ms: number;
  /** p95 beside the greedy one over p95 alone. */
  readonly ratio: number;
  readonly held: boolean;
}

/** Their p95 may grow to 1.5 times what it is alone, or by 2 ms. */
const MAX_RATIO = 1.5;
const MAX_EXTRA_MS = 2;

export function renderPhases(phases: readonly GroupPhase[], palette: Palette, columns: number): string {
  const header = ['phase', 'who', 'calls/s', 'p50 ms', 'p95 ms', 'refused', 'failed'];
  const rows = phases.map(({ phase, group, recorder, seconds }) => {
    const { ok, refused, failed } = recorder.totals();
    const latency = recorder.latency();
    const rate = seconds > 0 ? Math.round(ok / seconds) : 0;
    return [String(phase), group, formatCount(rate), ...[0.5, 0.95].map((q) => formatMs(latency.quantile(q))), ...[refused, failed].map(formatCount)];
  });
  return formatTable(header, rows, palette, columns);
}

/** Compares all phases with the greedy user to all without. */
export function judge(phases: readonly GroupPhase[]): DemoVerdict {
  const light = phases.filter(({ isLight }) => isLight);
  const p95 = (isBeside: boolean): number => {
    const [first, ...rest] = light.filter((phase) => phase.isBeside === isBeside).map(({ recorder }) => recorder.latency());
    for (const latency of rest) first?.add(latency);
    return first?.quantile(0.95) ?? Number.NaN;
  };
  const [aloneP95Ms, besideP95Ms] = [p95(false), p95(true)];
  const held = besideP95Ms <= Math.max(MAX_RATIO * aloneP95Ms, aloneP95Ms + MAX_EXTRA_MS);
  return { aloneP95Ms, besideP95Ms, ratio: besideP95Ms / aloneP95Ms, held };
}

export function renderVerdict({ aloneP95Ms, besideP95Ms, ratio, held }: DemoVerdict, users: number, palette: Palette): string {
  const facts = `${users} users' p95 alone ${formatMs(aloneP95Ms)} ms, beside the greedy one ${formatMs(besideP95Ms)} ms: ${ratio.toFixed(2)} times.`;
  return held ? palette.good(`✓ Nobody waits for another: ${facts}`) : palette.bad(`✗ The greedy one was felt: ${facts}`);
}
