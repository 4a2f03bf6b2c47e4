import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { abortError, startDeadline, throwIfAborted } from '../../../kernel/abort.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { fetchFailure } from './git-failures.ts';
import { runGit } from './git-process.ts';
import type { GitTools, GitRemote } from './git-process.ts';

/** A bare repository of ours that holds some of the remote's history. Nothing in it is ever checked out. */
export interface CloneRequest {
  readonly tools: GitTools;
  readonly remote: GitRemote;
  /** Undefined: the remote's default branch. */
  readonly branch: string | undefined;
  readonly folder: string;
  readonly maxBytes: number;
  readonly maxMs: number;
  readonly signal: AbortSignal;
  onProgress(done: number, total: number): void;
}

/** What was fetched last; a ref of ours, forced, so that rewritten history is nothing special. */
export const TIP = 'refs/polymnia/tip';
const WATCH_MS = 250;
/** Each fetch leaves a pack, and rewritten history what nobody needs: above this many the clone is made afresh. */
const MAX_PACKS = 50;
const MAX_FILES_LOOKED_AT = 10_000;
/** As CLONE_MAX_MB counts. */
const BYTES_PER_MB = 1024 * 1024;
/** Holds the depth once asked for; absent: 1. */
const DEPTH_FILE = 'polymnia-depth';

/**
 * Brings the newest state of the remote's branch into the clone. A clone that is absent, damaged, full of garbage or over its
 * size is made afresh beside the old one and takes its place only when it is whole; an attempt that failed leaves the old one, unless
 * that has grown over its size.
 */
export async function refreshClone(request: CloneRequest): Promise<void> {
  using limit = startDeadline(request.tools.clock, request.maxMs, 'CLONE_TIMEOUT', request.signal);
  const limited = { ...request, signal: limit.signal };
  await removeLeftovers(request.folder);
  if (await isUsable(limited)) {
    const failure = await fetchInto(limited, request.folder, await depthOf(request.folder)).then(() => undefined, asError);
    if (failure === undefined) return;
    throwIfAborted(limit.signal);
  }
  await cloneAfresh(limited);
}

/** Makes the clone anew, whatever state it is in. */
export async function cloneAfresh(request: CloneRequest): Promise<void> {
  const { folder } = request;
  const partial = partialOf(folder);
  await rm(partial, { recursive: true, force: true });
  try {
    await makeClone(request, partial);
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** Fetches history so that at least `depth` commits are there, as far as the remote has them. */
export async function deepenClone(request: CloneRequest, depth: number): Promise<void> {
  if ((await depthOf(request.folder)) >= depth) return;
  using limit = startDeadline(request.tools.clock, request.maxMs, 'CLONE_TIMEOUT', request.signal);
  await removeLeftovers(request.folder);
  await fetchInto({ ...request, signal: limit.signal }, request.folder, depth);
  await writeFile(join(request.folder, DEPTH_FILE), String(depth));
}

/** The format of its object names is the remote's; which one that is comes out at the first word. */
async function makeClone(request: CloneRequest, folder: string): Promise<void> {
  const failure = await initAndFetch(request, folder, 'sha1').then(() => undefined, asError);
  if (failure === undefined) return;
  throwIfAborted(request.signal);
  if (!(failure.cause instanceof Error && failure.cause.message.includes('mismatched algorithms'))) throw failure;
  await rm(folder, { recursive: true, force: true });
  await initAndFetch(request, folder, 'sha256');
}

async function initAndFetch(request: CloneRequest, folder: string, format: string): Promise<void> {
  const { tools, signal } = request;
  await mkdir(dirname(folder), { recursive: true });
  const args = ['init', '--quiet', '--bare', '--template=', '--initial-branch=main', `--object-format=${format}`];
  const made = await runGit({ tools, gitDir: folder, args, signal });
  if (made.status !== 0) throw new PolymniaError('internal', 'The folder of the bare clone could not be made.', { cause: fetchFailure(made).cause });
  await fetchInto(request, folder, 1);
}

/** One that fails leaves nothing of what it fetched. */
async function fetchInto(request: CloneRequest, folder: string, depth: number): Promise<void> {
  try {
    await fetchWatched(request, folder, depth);
  } catch (error) {
    await removeLeftovers(folder);
    // Over its size it would be given up by the next sync anyway.
    if ((await folderBytes(folder)) > request.maxBytes) await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function fetchWatched(request: CloneRequest, folder: string, depth: number): Promise<void> {
  const { tools, remote, branch } = request;
  const from = branch === undefined ? 'HEAD' : `refs/heads/${branch}`;
  const options = [
    `--depth=${depth}`,
    '--no-tags',
    '--no-recurse-submodules',
    '--no-auto-maintenance',
    '--no-write-fetch-head',
    '--force',
    '--progress',
  ];
  const args = ['fetch', ...options, '--', remote.href, `+${from}:${TIP}`];
  await using watch = watchSize(request, folder);
  const onMessage = (chunk: string): void => tellProgress(request, chunk);
  const end = await runGit({ tools, remote, gitDir: folder, args, signal: watch.signal, onMessage });
  if (end.status !== 0) throw fetchFailure(end);
  if ((await folderBytes(folder)) > request.maxBytes) throw tooLarge(request);
}

function tellProgress(request: CloneRequest, chunk: string): void {
  const counts = [...chunk.matchAll(/(?:Receiving|Unpacking) objects: +\d+% \((\d+)\/(\d+)\)/g)].at(-1);
  if (counts !== undefined) request.onProgress(Number(counts[1]), Number(counts[2]));
}

/** A signal that also aborts when the folder grows beyond the limit. */
function watchSize(request: CloneRequest, folder: string): AsyncDisposable & { readonly signal: AbortSignal } {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(abortError(request.signal));
  request.signal.addEventListener('abort', onAbort, { once: true });
  if (request.signal.aborted) onAbort();
  let look = Promise.resolve();
  let cancel = request.tools.clock.after(WATCH_MS, next);
  let isOver = false;
  function next(): void {
    look = lookOnce();
  }
  async function lookOnce(): Promise<void> {
    if ((await folderBytes(folder)) > request.maxBytes) stop.abort(tooLarge(request));
    if (!isOver) cancel = request.tools.clock.after(WATCH_MS, next);
  }
  return {
    signal: stop.signal,
    async [Symbol.asyncDispose]() {
      isOver = true;
      cancel();
      request.signal.removeEventListener('abort', onAbort);
      await look;
    },
  };
}

function tooLarge({ maxBytes }: CloneRequest): PolymniaError {
  const megabytes = Math.round(maxBytes / BYTES_PER_MB);
  return new PolymniaError('too_large', `The git repository needs more room than CLONE_MAX_MB allows (${megabytes} MB).`, {
    details: { limitBytes: maxBytes },
  });
}

/** Files come and go while git works: what is gone when it is looked at counts nothing. */
async function folderBytes(folder: string): Promise<number> {
  const names = await readdir(join(folder, 'objects'), { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    names.slice(0, MAX_FILES_LOOKED_AT).map((name) =>
      stat(join(folder, 'objects', name)).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

function partialOf(folder: string): string {
  return `${folder}.partial`;
}

/** What a fetch that was killed leaves: locks nobody holds any more (one sync a repository runs at a time) and half packs. */
async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const stale = names.filter((name) => name.endsWith('.lock') || /(^|[\\/])(tmp_|incoming-|\.tmp-)[^\\/]*$/.test(name));
  for (const path of [partialOf(folder), ...stale.map((name) => join(folder, name))]) await rm(path, { recursive: true, force: true });
}

async function isUsable({ tools, folder, signal }: CloneRequest): Promise<boolean> {
  const packs = await readdir(join(folder, 'objects', 'pack')).catch(() => undefined);
  if (packs === undefined || packs.filter((name) => name.endsWith('.pack')).length > MAX_PACKS) return false;
  const { status } = await runGit({ tools, gitDir: folder, args: ['rev-parse', '--verify', '--quiet', `${TIP}^{tree}`], signal });
  return status === 0;
}

async function depthOf(folder: string): Promise<number> {
  const text = await readFile(join(folder, DEPTH_FILE), 'utf8').catch(() => '1');
  const depth = Number(text);
  return Number.isSafeInteger(depth) && depth > 0 ? depth : 1;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('The fetch failed.', { cause: error });
}
