import { CellFailure } from '../cell/cell.ts';
import type { Cell } from '../cell/cell.ts';
import { runOnce } from './idempotency.ts';
import { OPEN_METHOD } from './protocol.ts';
import type { AnswerForms, CallMessage, MethodRegistry, Outcome, Result } from './protocol.ts';
import { elapsedUs, processorUs } from './thread-time.ts';
import { CallStopped, failureOf } from './translate-error.ts';

/** What running calls needs to know of its thread. */
export interface ExecuteContext {
  readonly methods: MethodRegistry;
  readonly answerForms: AnswerForms;
  readonly idempotencyTtlMs: number;
  /** Whether the call in this slot of the batch must stop. */
  readonly stopped: (slot: number) => boolean;
  /** Names the slot that `alive()` asks for from now on. */
  readonly enter: (slot: number) => void;
  /** Told of every error as it was thrown. */
  readonly onError: (error: unknown) => void;
}

export interface Executed {
  readonly outcomes: readonly Outcome[];
  readonly commitsUs: readonly number[];
}

interface Run {
  readonly results: Map<number, Result>;
  readonly ownUs: number[];
  readonly commitsUs: number[];
}

/** Runs reads of one file one after the other, each on a snapshot of its own. */
export function runReads(cell: Cell, calls: readonly CallMessage[], context: ExecuteContext): Executed {
  const run: Run = { results: new Map(), ownUs: calls.map(() => 0), commitsUs: [] };
  const started = processorUs();
  for (const [slot, call] of calls.entries()) {
    const result = timed(run, slot, () => attempt(slot, context, () => inSnapshot(cell, () => runMethod(cell, call, context))));
    run.results.set(slot, result);
  }
  return finish(run, calls.length, processorUs() - started);
}

/**
 * Runs writes of one file and commits them together; a call that fails or is stopped is rolled back alone. When that is not
 * possible any more (stopped after its part was done, or SQLite undid the whole transaction), all is rolled back and each
 * call gets a transaction of its own: at most two runs of each.
 */
export function runWrites(cell: Cell, calls: readonly CallMessage[], context: ExecuteContext): Executed {
  const run: Run = { results: new Map(), ownUs: calls.map(() => 0), commitsUs: [] };
  const started = elapsedUs();
  const entries = [...calls.entries()];
  if (!commitTogether(cell, entries, run, context)) for (const entry of entries) commitTogether(cell, [entry], run, context);
  return finish(run, calls.length, elapsedUs() - started);
}

/** False when the calls must be run again, one by one; never false for a single one. */
function commitTogether(cell: Cell, entries: readonly (readonly [number, CallMessage])[], run: Run, context: ExecuteContext): boolean {
  const alone = entries.length === 1;
  try {
    cell.run('BEGIN IMMEDIATE');
  } catch (error) {
    failAll(entries, run, error, context);
    return true;
  }
  for (const [slot, call] of entries) {
    const work = (): unknown => runMethod(cell, call, context);
    run.results.set(
      slot,
      timed(run, slot, () => attempt(slot, context, alone ? work : () => inSavepoint(cell, work))),
    );
    if (cell.db.isTransaction) continue;
    if (!alone) return false;
  }
  const written = entries.filter(([slot]) => run.results.get(slot)?.status === 'ok');
  const late = written.filter(([slot]) => context.stopped(slot));
  if (late.length > 0 || written.length === 0) {
    rollBack(cell);
    if (alone) for (const [slot] of late) run.results.set(slot, { status: 'aborted' });
    return alone || late.length === 0;
  }
  commit(cell, written, run, context);
  return true;
}

function commit(cell: Cell, written: readonly (readonly [number, CallMessage])[], run: Run, context: ExecuteContext): void {
  const started = elapsedUs();
  try {
    cell.run('COMMIT');
    run.commitsUs.push(elapsedUs() - started);
  } catch (error) {
    rollBack(cell);
    failAll(written, run, error, context);
  }
}

function failAll(entries: readonly (readonly [number, CallMessage])[], run: Run, error: unknown, context: ExecuteContext): void {
  context.onError(error);
  const failure = failureOf(error);
  for (const [slot] of entries) run.results.set(slot, { status: 'failed', failure });
}

function rollBack(cell: Cell): void {
  if (cell.db.isTransaction) cell.run('ROLLBACK');
}

function inSnapshot(cell: Cell, work: () => unknown): unknown {
  cell.run('BEGIN');
  try {
    return work();
  } finally {
    if (cell.db.isTransaction) cell.run('COMMIT');
  }
}

function inSavepoint(cell: Cell, work: () => unknown): unknown {
  cell.run('SAVEPOINT call');
  try {
    const value = work();
    cell.run('RELEASE call');
    return value;
  } catch (error) {
    if (cell.db.isTransaction) {
      cell.run('ROLLBACK TO call');
      cell.run('RELEASE call');
    }
    throw error;
  }
}

function runMethod(cell: Cell, { method, args, now, idempotency }: CallMessage, { methods, answerForms, idempotencyTtlMs }: ExecuteContext): unknown {
  if (method === OPEN_METHOD) return undefined;
  const known = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (known === undefined) throw new CellFailure('internal', 'The storage has no such method.', { method });
  const work = (): unknown => known(cell, args as never);
  return idempotency === undefined ? work() : runOnce(cell, idempotency, { now, ttlMs: idempotencyTtlMs, form: answerForms[method] }, work);
}

function attempt(slot: number, context: ExecuteContext, work: () => unknown): Result {
  if (context.stopped(slot)) return { status: 'aborted' };
  context.enter(slot);
  try {
    return { status: 'ok', value: work() };
  } catch (error) {
    if (error instanceof CallStopped) return { status: 'aborted' };
    context.onError(error);
    return { status: 'failed', failure: failureOf(error) };
  }
}

function timed(run: Run, slot: number, work: () => Result): Result {
  const started = processorUs();
  const result = work();
  run.ownUs[slot] = (run.ownUs[slot] ?? 0) + processorUs() - started;
  return result;
}

/** What the calls shared (begin, commit) is divided among them evenly. */
function finish(run: Run, count: number, totalUs: number): Executed {
  const sharedUs = Math.max(0, totalUs - run.ownUs.reduce((sum, us) => sum + us, 0)) / Math.max(1, count);
  const outcomes = run.ownUs.map((ownUs, slot) => ({
    ...(run.results.get(slot) ?? { status: 'aborted' as const }),
    ownUs,
    busyUs: ownUs + sharedUs,
  }));
  return { outcomes, commitsUs: run.commitsUs };
}
