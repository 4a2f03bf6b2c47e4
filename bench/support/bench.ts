import type { Stage } from './stage.ts';

/** One figure of a bench. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The aim, in words. */
  readonly target?: string;
  /** Is the aim met? Absent when there is none. */
  readonly ok?: boolean;
  /** What one must know to read the figure. */
  readonly note?: string;
}

export interface BenchContext {
  /** Short phases and little data: for development, no figures to publish. */
  readonly isQuick: boolean;
  readonly soakMinutes: number;
  /** The server program. */
  readonly main: string;
  /** A folder with source code to measure with; absent = what the toolchains of the machine brought along. */
  readonly corpus?: string;
  /** The data folder with many users that several benches share; filled at first use. */
  readonly stage: () => Promise<Stage>;
  /** A line of progress. */
  readonly log: (text: string) => void;
}

/** A bench: one file, one name. */
export interface Bench {
  readonly name: string;
  run(ctx: BenchContext): Promise<Row[]>;
}

/** A figure with an aim. */
export function aim(name: string, value: number, unit: string, target: string, ok: boolean, note?: string): Row {
  return { name, value, unit, target, ok, ...(note === undefined ? {} : { note }) };
}

/** A figure without one. */
export function figure(name: string, value: number, unit: string, note?: string): Row {
  return { name, value, unit, ...(note === undefined ? {} : { note }) };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
