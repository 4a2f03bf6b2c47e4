import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { abortError, throwIfAborted } from '../../../kernel/abort.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError, systemCode } from '../../../kernel/errors.ts';
import { readChildren } from '../../processes/proc-files.ts';
import { TextTail } from '../../processes/text-tail.ts';

/** How git is found and what is trusted beside the system's certificates. */
export interface GitInstallation {
  /** Where `git` and `ssh` are looked for, as `PATH`; default: the usual folders. */
  readonly path?: string;
  /** PEM file of certificates to trust instead of the system's, for closed networks. */
  readonly caFile?: string;
}

export interface GitTools extends GitInstallation {
  readonly clock: Clock;
}

/** A remote that may be talked to; without one a command can talk to nobody. */
export interface GitRemote {
  readonly href: string;
  readonly protocol: 'https' | 'ssh';
  /** Settings of this remote alone, each `name=value`. */
  readonly settings: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export interface GitCommand {
  readonly tools: GitTools;
  /** Ours: no other repository's configuration is ever read. */
  readonly gitDir: string;
  readonly args: readonly string[];
  readonly remote?: GitRemote;
  readonly signal: AbortSignal;
  /** Whatever git says on the side, such as its progress. Foreign text. */
  readonly onMessage?: (chunk: string) => void;
}

export interface GitEnd {
  /** Undefined when it was killed. */
  readonly status: number | undefined;
  /** The last of its messages. Foreign text: to be looked into, not to be shown. */
  readonly messages: TextTail;
}

const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin';
const MAX_MESSAGES = 8192;
const MAX_ANSWER = 1024 * 1024;
/** After a kill: how long its pipes may stay open. A process in a system call that cannot be interrupted is not waited for. */
const CLOSE_WAIT_MS = 1000;

/** Nothing a repository or the machine's configuration could say makes git run a program or talk to somebody else. */
const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.askPass=',
  'credential.helper=',
  'protocol.file.allow=never',
  'protocol.ext.allow=never',
  'transfer.fsckObjects=true',
  'transfer.credentialsInUrl=die',
  'transfer.bundleURI=false',
  'http.followRedirects=false',
  // Silence of a minute. A server that packs a large repository says only a few bytes a second meanwhile.
  'http.lowSpeedLimit=1',
  'http.lowSpeedTime=60',
  'submodule.recurse=false',
  'fetch.recurseSubmodules=false',
  'gc.auto=0',
  'maintenance.auto=false',
  // Always one pack a fetch, never a file an object.
  'fetch.unpackLimit=1',
  'transfer.unpackLimit=1',
  // Larger blobs are streamed, not held in memory.
  'core.bigFileThreshold=32m',
  // Harmless faults of old repositories, which would else not be fetched at all.
  'fetch.fsck.zeroPaddedFilemode=ignore',
  'fetch.fsck.badTimezone=ignore',
  'fetch.fsck.missingSpaceBeforeDate=ignore',
] as const;

/** A running git. Its end is awaited by whoever started it; dispose kills it and all it has started. */
export class GitProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #signal: AbortSignal;
  readonly #clock: Clock;
  readonly #onAbort = (): void => this.#kill();
  readonly #closed: Promise<unknown>;
  readonly #messages = new TextTail(MAX_MESSAGES);
  readonly stdin: Writable;
  readonly stdout: Readable;

  constructor({ tools, gitDir, args, remote, signal, onMessage }: GitCommand) {
    throwIfAborted(signal);
    const settings = [...SETTINGS, ...(remote?.settings ?? [])].flatMap((setting) => ['-c', setting]);
    this.#child = spawn('git', [...settings, ...args], {
      cwd: '/',
      env: environment(tools, gitDir, remote),
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
    });
    const { stdin, stdout, stderr } = this.#child;
    if (stdin === null || stdout === null || stderr === null) throw new TypeError('git was started without pipes');
    this.stdin = stdin.on('error', () => {});
    this.stdout = stdout;
    stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#messages.add(chunk);
      onMessage?.(chunk);
    });
    this.#closed = once(this.#child, 'close').catch(() => {});
    this.#child.on('error', () => stdout.destroy());
    this.#signal = signal;
    this.#clock = tools.clock;
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Resolves when it and all that hold its pipes have ended. Rejects when the signal aborted, or when there is no git. */
  async ended(): Promise<GitEnd> {
    await this.#closed;
    this.#signal.removeEventListener('abort', this.#onAbort);
    if (this.#signal.aborted) throw abortError(this.#signal);
    if (this.#child.pid === undefined) throw new PolymniaError('internal', 'git could not be started; the server needs git 2.39 or newer.');
    return { status: this.#child.exitCode ?? undefined, messages: this.#messages };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort);
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#kill();
    this.stdin.destroy();
    this.stdout.destroy();
    await this.#closed;
  }

  /** Helpers such as `git-remote-https` do not end with their parent by themselves while they wait for the network. */
  #kill(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    const helpers = descendants(pid);
    this.#child.kill('SIGKILL');
    for (const helper of helpers) send(helper);
    const cancel = this.#clock.after(CLOSE_WAIT_MS, () => {
      this.stdout.destroy();
      this.#child.stderr?.destroy();
    });
    void this.#closed.then(cancel);
  }
}

/** Runs a command to its end and answers with what it wrote, at most 1 MiB. Its status is for the caller to judge. */
export async function runGit(command: GitCommand): Promise<GitEnd & { readonly stdout: Buffer }> {
  await using git = new GitProcess(command);
  git.stdin.end();
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of git.stdout as AsyncIterable<Buffer>) {
      bytes += part.byteLength;
      if (bytes > MAX_ANSWER) throw new PolymniaError('internal', 'git answered with more than was asked for.');
      parts.push(part);
    }
  } catch (error) {
    throwIfAborted(command.signal);
    if (error instanceof PolymniaError) throw error;
  }
  return { ...(await git.ended()), stdout: Buffer.concat(parts) };
}

/** All of it: nothing is taken over from this process. */
function environment({ path = DEFAULT_PATH, caFile }: GitInstallation, gitDir: string, remote: GitRemote | undefined): Record<string, string> {
  return {
    PATH: path,
    HOME: gitDir,
    LC_ALL: 'C',
    GIT_DIR: gitDir,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: remote?.protocol ?? '',
    GIT_PROTOCOL_FROM_USER: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_LFS_SKIP_SMUDGE: '1',
    GIT_NO_LAZY_FETCH: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    ...(caFile !== undefined && { GIT_SSL_CAINFO: caFile }),
    ...remote?.environment,
  };
}

const MAX_DESCENDANTS = 64;

function descendants(pid: number): readonly number[] {
  const found = [...readChildren(pid)];
  for (let at = 0; at < found.length && found.length < MAX_DESCENDANTS; at++) found.push(...readChildren(found[at] ?? 0));
  return found;
}

function send(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error;
  }
}
