import { flushCompileCache } from 'node:module';
import { platform } from 'node:os';
import { systemClock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import { readStat } from '../../providers/processes/proc-files.ts';
import { EVENT_INTERVAL_MS, failureToWire } from '../../providers/processes/protocol.ts';
import type { ChildMessage, StartMessage } from '../../providers/processes/protocol.ts';
import { EventOutbox } from './event-outbox.ts';

/** What a task has in its child process, besides its payload. */
export interface ChildHost {
  /** Aborts when the server is gone. A cancelled task is not told: its process is killed, with all it has started. */
  readonly signal: AbortSignal;
  /** The child's own folder, empty at the start, removed at the end. Also HOME and TMPDIR. */
  readonly folder: string;
  /**
   * Reports to the parent; JSON. Events arrive in order, at most {@link EVENT_INTERVAL_MS} late. Of progress (`kind: 'progress'`)
   * only the newest of a phase arrives when it comes faster; of other events at most 1,000 wait, more throw `internal`.
   */
  event(value: unknown): void;
}

/** Does one kind of task; what it returns, JSON, is the task's result. Large results are files the payload names a place for. */
export type TaskRunner = (payload: unknown, host: ChildHost) => Promise<unknown>;

/** Kind of task → how to load what runs it, so that a child loads no other kind's code. */
export type TaskTable = Readonly<Record<string, () => Promise<TaskRunner>>>;

/** Runs the one task this child process is there for. To be called once, by the entry module. */
export function hostTasks(table: TaskTable): void {
  if (process.send === undefined) throw new PolymniaError('internal', 'This is the entry of a child process; the server starts it.');
  const gone = new AbortController();
  process.once('disconnect', () => {
    gone.abort(new PolymniaError('cancelled', 'The server is gone.'));
    endGroup();
  });
  process.once('message', (message) => void runTask(message as StartMessage, table, gone.signal));
}

async function runTask({ task, payload, folder }: StartMessage, table: TaskTable, signal: AbortSignal): Promise<void> {
  const send = (events: readonly unknown[]): boolean => say({ kind: 'events', events }, () => outbox.drained());
  const outbox = new EventOutbox({ clock: systemClock, intervalMs: EVENT_INTERVAL_MS, send });
  const host: ChildHost = { signal, folder, event: (value) => outbox.push(value) };
  try {
    const load = Object.hasOwn(table, task) ? table[task] : undefined;
    if (load === undefined) throw new PolymniaError('internal', `No child process knows the task "${task}".`);
    const run = await load();
    // A child is ended from outside, when Node keeps nothing any more.
    flushCompileCache();
    const result = await run(payload, host);
    outbox.flush();
    say({ kind: 'done', result, cpuMs: ownCpuMs() });
  } catch (error) {
    outbox.flush();
    say({ kind: 'failed', failure: failureToWire(error), cpuMs: ownCpuMs() });
  }
}

/** False when the channel holds so much already that nothing should follow until `sent` is called. */
function say(message: ChildMessage, sent: () => void = () => {}): boolean {
  if (!process.connected) return true;
  return (
    process.send?.(message, undefined, undefined, (error: Error | null) => {
      // Nobody listens any more: `disconnect` ends the process.
      if (error === null) sent();
    }) ?? true
  );
}

/** With that of ended children where the system tells it. */
function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return Math.max((user + system) / 1000, readStat(process.pid)?.cpuMs ?? 0);
}

/** Nobody is left who would wait for it, or end what it has started. It leads its group. */
function endGroup(): void {
  process.kill(platform() === 'win32' ? process.pid : -process.pid, 'SIGKILL');
}
