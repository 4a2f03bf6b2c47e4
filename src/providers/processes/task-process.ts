import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { WorkerDied } from '../../domains/jobs/ports.ts';
import type { ChildTask } from '../../domains/jobs/ports.ts';
import { compileCacheEnv } from '../../kernel/runtime/compile-cache.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError, systemCode } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import { guardGroup } from './group-guard.ts';
import { ProcessGroup } from './process-group.ts';
import { EVENT_INTERVAL_MS, failureFromWire } from './protocol.ts';
import type { StartMessage } from './protocol.ts';
import { readMessage } from './read-message.ts';
import { TextTail } from './text-tail.ts';

const RETRY_MS = 1000;
const BYTES_PER_MB = 1024 * 1024;
/** Of the group's memory, what the heap of the child's main thread may take: the rest is for parsers, threads and git. */
const HEAP_SHARE = 0.75;
const STDERR_CHARS = 4000;
/** A child batches what it says; one that sends this much more than it should, in a second, is ended. */
const MAX_MESSAGES_PER_SECOND = (1000 / EVENT_INTERVAL_MS) * 20;
/** What a child that has ended wrote is waited for no longer than this. */
const CLOSE_MS = 250;
/** What of a killed group still lives after this is given up, and logged. */
const GONE_MS = 5000;

export interface TaskProcessOptions {
  readonly entry: URL;
  /** 0 to 19. */
  readonly niceness: number;
  /** See `politePrefix`. */
  readonly prefix: readonly string[];
  /** The child's own, empty. */
  readonly folder: string;
  readonly searchPath: string;
  readonly memoryMb: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onEvent: (event: unknown) => void;
}

type Outcome = { readonly result: unknown } | { readonly error: unknown };

/** One task in one child process: started when made, ended as a whole group when there is an outcome. */
export class TaskProcess {
  /** Fulfils, never rejects, when there is an outcome and nothing of the group is left. */
  readonly ended: Promise<Outcome>;
  readonly #options: TaskProcessOptions;
  readonly #task: ChildTask;
  readonly #child: ChildProcess;
  readonly #stderr = new TextTail(STDERR_CHARS);
  readonly #group: ProcessGroup | undefined;
  #outcome: Outcome | undefined;
  #cpuMs = 0;
  #memoryBytes = 0;
  #behind = false;
  #paused = false;
  #messages = 0;
  #countedFrom = 0;

  constructor(task: ChildTask, options: TaskProcessOptions) {
    this.#task = task;
    this.#options = options;
    this.#child = start(options);
    this.ended = this.#run();
    const { pid } = this.#child;
    if (pid === undefined) return;
    this.#group = new ProcessGroup(pid);
    if (options.prefix.length === 0) giveWay(pid, options.niceness);
    this.#behind = options.niceness === 0 || this.#group.setNiceness(options.niceness);
    this.#send({ kind: 'start', task: task.kind, payload: task.payload, folder: options.folder });
  }

  /** Processor time so far, ms, as of the last measure. */
  get cpuMs(): number {
    return this.#cpuMs;
  }

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  /** Looks at what the group uses, and ends it when it has outgrown its memory. */
  measure(): void {
    const { memoryMb, niceness } = this.#options;
    if (!this.#behind) this.#behind = this.#group?.setNiceness(niceness) ?? true;
    const usage = this.#group?.measure(this.#options.clock.monotonic());
    if (usage === undefined) return;
    this.#cpuMs = Math.max(this.#cpuMs, usage.cpuMs);
    this.#memoryBytes = usage.memoryBytes;
    if (usage.memoryBytes > memoryMb * BYTES_PER_MB) this.end(new WorkerDied('memory', `The work needed more than WORKER_MEMORY_MB (${memoryMb}).`));
  }

  /** Would it use the processor now? */
  isRunnable(): boolean {
    return this.#group?.isRunnable() ?? false;
  }

  /** Stops the group; one that a foreign hand has stopped already stays that hand's. */
  pause(): void {
    if (this.#outcome !== undefined || this.#group?.isStopped()) return;
    this.#group?.signal('SIGSTOP');
    this.#paused = true;
  }

  /** Lets the group go on, if it was this side that stopped it. */
  resume(): void {
    if (this.#paused) this.#group?.signal('SIGCONT');
    this.#paused = false;
  }

  /** Ends the task with this error, unless it has an outcome already. */
  end(error: unknown): void {
    this.#settle({ error });
  }

  async #run(): Promise<Outcome> {
    const child = this.#child;
    const closed = new Promise<void>((resolve) => void child.once('close', () => resolve()));
    const exited = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
    child.on('error', (error) => this.#fail(error));
    child.on('message', (message) => this.#receive(message));
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => this.#stderr.add(chunk));
    if (child.pid === undefined) {
      await once(child, 'error').catch(() => {});
      return this.#outcome ?? { error: startError(undefined) };
    }
    await using _guard = guardGroup(child.pid);
    await exited;
    this.#group?.kill();
    // Whatever got away from the group may hold the other end of the pipe.
    const cancel = this.#options.clock.after(CLOSE_MS, () => child.stderr?.destroy());
    await closed;
    cancel();
    this.#outcome ??= { error: this.#reasonOfDeath() };
    if ('error' in this.#outcome && this.#outcome.error instanceof WorkerDied) this.#logDeath(this.#outcome.error);
    await this.#untilGone();
    return this.#outcome;
  }

  #receive(received: unknown): void {
    if (this.#outcome !== undefined || this.#floods()) return;
    const message = readMessage(received);
    if (message === undefined) return this.end(new WorkerDied('killed', 'The child process sent something that is no message.'));
    if (message.kind === 'events') return this.#report(message.events);
    this.#cpuMs = Math.max(this.#cpuMs, message.cpuMs);
    if (message.kind === 'done') this.#settle({ result: message.result });
    else this.#settle({ error: failureFromWire(message.failure) });
  }

  #report(events: readonly unknown[]): void {
    try {
      for (const event of events) this.#options.onEvent(event);
    } catch (error) {
      this.end(error);
    }
  }

  #floods(): boolean {
    const now = this.#options.clock.monotonic();
    if (now - this.#countedFrom >= 1000) {
      this.#countedFrom = now;
      this.#messages = 0;
    }
    this.#messages += 1;
    if (this.#messages <= MAX_MESSAGES_PER_SECOND) return false;
    this.end(new WorkerDied('killed', `The child process sent more than ${MAX_MESSAGES_PER_SECOND} messages in a second.`));
    return true;
  }

  /** The first outcome counts. There is nothing left to do then, so the group goes at once; SIGKILL reaches paused ones too. */
  #settle(outcome: Outcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#cpuMs = Math.max(this.#cpuMs, this.#group?.kill().cpuMs ?? 0);
  }

  #send(message: StartMessage): void {
    try {
      this.#child.send(message, (error) => {
        // A child that has ended already says so by its exit, also while nobody has noticed that its channel is closed.
        if (error !== null && this.#child.connected && systemCode(error) !== 'EPIPE') this.#fail(error);
      });
    } catch (cause) {
      this.end(new PolymniaError('internal', 'A task could not be handed to its child process; its payload must be JSON.', { cause }));
    }
  }

  #fail(cause: unknown): void {
    this.end(startError(cause));
  }

  #logDeath({ reason, message }: WorkerDied): void {
    const { exitCode, signalCode, pid } = this.#child;
    const fields = { task: this.#task.kind, lane: this.#task.lane, reason, why: message, pid, exitCode: exitCode ?? undefined };
    this.#options.logger.warn('A child process died', { ...fields, signal: signalCode ?? undefined, stderr: this.#stderr.escaped });
  }

  #reasonOfDeath(): WorkerDied {
    const { exitCode, signalCode } = this.#child;
    // V8 gives up with an abort.
    const heapFull = this.#stderr.includes('heap out of memory') || this.#stderr.includes('Allocation failed');
    if (heapFull) return new WorkerDied('memory', `The work needed more than WORKER_MEMORY_MB (${this.#options.memoryMb}) allows its heap.`);
    if (signalCode !== null) return new WorkerDied('killed', `The child process was ended by ${signalCode}.`);
    return new WorkerDied('exit', `The child process ended by itself, without a result (exit code ${exitCode}).`);
  }

  async #untilGone(): Promise<void> {
    if (await this.#group?.gone(this.#options.clock, GONE_MS)) return;
    this.#options.logger.error('Something of a killed child process still lives', { task: this.#task.kind, group: this.#group?.leader });
  }
}

function start({ entry, prefix, folder, searchPath, memoryMb }: TaskProcessOptions): ChildProcess {
  const heap = `--max-old-space-size=${Math.floor(memoryMb * HEAP_SHARE)}`;
  const [command, ...args] = [...prefix, process.execPath, heap, fileURLToPath(entry)] as const;
  try {
    return spawn(command, args, {
      cwd: folder,
      env: { PATH: searchPath, HOME: folder, TMPDIR: folder, LC_ALL: 'C.UTF-8', ...compileCacheEnv() },
      // A session and a group of its own: one signal reaches all that it starts, and no key of a terminal does.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'json',
      windowsHide: true,
    });
  } catch (error) {
    throw startError(error);
  }
}

function startError(cause: unknown): PolymniaError {
  return new PolymniaError('overloaded', 'A child process could not be started.', { retryAfterMs: RETRY_MS, cause });
}

/** Where `nice` is missing: before the child has threads, which inherit it. */
function giveWay(pid: number, niceness: number): void {
  if (niceness === 0) return;
  try {
    setPriority(pid, niceness);
  } catch {
    // A system that forbids it: the child works all the same, only less politely.
  }
}
