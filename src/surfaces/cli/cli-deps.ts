import type { Readable, Writable } from 'node:stream';
import type { Settings } from '../../config/options.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { OperationDeclaration } from '../../kernel/operation.ts';

/** What the command line asks of the program that hosts it, since it may reach neither storage nor composition itself. */
export interface CliHooks {
  /** Runs a server in this process until it has stopped; resolves with the exit code. `flags` are option flags as given. */
  serve(flags: readonly string[], io: ServeIo): Promise<number>;
  /** Starts `polymnia serve` with these flags as a process of its own that outlives this one. Resolves when it is spawned. */
  spawnServer(flags: readonly string[]): Promise<void>;
  /** Opens files only under the data folder's lock. Its report is printed as it is: fields of text, numbers and lists. */
  restore(options: { readonly backupDir: string; readonly dataDir: string; readonly force: boolean }): Promise<object>;
  /** Checks the files under the data folder's lock; rejects when a server holds it. */
  inspectOffline(dataDir: string, onProgress: (progress: FileProgress) => void): Promise<{ readonly checks: readonly Check[] }>;
  /** Is a language model set up? If not, looks for servers on this machine that have one, unless the settings forbid it. */
  checkModels(settings: Settings): Promise<Check>;
  /** Does the Redis at this URL answer? */
  checkRedis(url: string): Promise<Check>;
}

/** What a server in the foreground may write to. */
export interface ServeIo {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly isTty: boolean;
  readonly signal: AbortSignal;
}

/** How far a look at files has come. */
export interface FileProgress {
  readonly phase: string;
  readonly done: number;
  readonly total?: number;
  readonly unit: string;
}

/** One finding of `doctor`. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found and, if it is wrong, what to do. */
  readonly detail: string;
}

/** Everything the command line touches. It reads no global state and never ends the process. */
export interface CliDeps {
  /** Arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Is `stdout` a terminal? */
  readonly isTty: boolean;
  /** Is `stderr`, where progress is shown, a terminal? Default: as `isTty`. */
  readonly isErrorTty?: boolean;
  /** Columns of the terminal. Default 100. */
  readonly columns?: number;
  /** Aborts when the user wants out (SIGINT, SIGTERM). */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Polymnia's version, e.g. `0.1.0`. */
  readonly version: string;
  /** Node's version, e.g. `v26.10.0`. */
  readonly nodeVersion: string;
  /** IANA zone of the user's machine, sent along with words like "last week". */
  readonly timeZone?: string;
  /** The registry: every operation there is. */
  readonly operations: readonly OperationDeclaration[];
  readonly hooks: CliHooks;
}
