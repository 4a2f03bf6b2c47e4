import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PathChurn } from '../../../domains/code/ports.ts';
import { throwIfAborted } from '../../../kernel/abort.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { byPath } from '../listing.ts';
import { TIP } from './git-clone.ts';
import { GitProcess } from './git-process.ts';
import type { GitTools } from './git-process.ts';
import { readRecords } from './nul-records.ts';

export interface ChurnRequest {
  readonly tools: GitTools;
  readonly gitDir: string;
  readonly maxCommits: number;
  readonly signal: AbortSignal;
}

interface Touched {
  commits: number;
  readonly authors: Set<string>;
  lastAt: number;
}

/** Paths and author entries held at most; what is beyond is not counted. */
const MAX_PATHS = 500_000;
const MAX_AUTHORS_PER_PATH = 1000;
const HEADER = '--format=%x00%H%x00%ae%x00%ct';

/**
 * How often each path was touched by the newest commits of the clone; merges aside, renames as removal and addition. Authors
 * are told apart by their address as written. Where history was cut off the last commit seems to add everything: not counted.
 */
export async function readChurn({ tools, gitDir, maxCommits, signal }: ChurnRequest): Promise<readonly PathChurn[]> {
  const cut = new Set((await readFile(join(gitDir, 'shallow'), 'utf8').catch(() => '')).split('\n'));
  const options = ['--name-only', '--no-renames', '--no-mailmap', '--no-show-signature', '--no-ext-diff', '--no-textconv', '--no-notes'];
  const args = ['log', '-z', ...options, `--max-count=${Math.max(1, Math.trunc(maxCommits))}`, HEADER, TIP, '--'];
  await using git = new GitProcess({ tools, gitDir, args, signal });
  git.stdin.end();
  const counter = new ChurnCounter(cut);
  try {
    for await (const field of readRecords(git.stdout as AsyncIterable<Buffer>)) counter.take(field);
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
  if ((await git.ended()).status !== 0) throw new PolymniaError('internal', 'The history of the clone cannot be read; sync the repository again.');
  return counter.result();
}

/** Fields between NULs: an empty one, commit, author, time, then names, the first after a line feed. A name is never empty. */
class ChurnCounter {
  readonly #cut: ReadonlySet<string>;
  readonly #paths = new Map<string, Touched>();
  /** How many fields of a header are still to come. */
  #header = 0;
  #counts = false;
  #isFirstName = false;
  #author = '';
  #at = 0;

  constructor(cut: ReadonlySet<string>) {
    this.#cut = cut;
  }

  take(field: Buffer): void {
    if (this.#header > 0) this.#takeHeader(field.toString('utf8'));
    else if (field.byteLength === 0) this.#header = 3;
    else {
      if (this.#counts) this.#touch(this.#isFirstName ? field.subarray(1) : field);
      this.#isFirstName = false;
    }
  }

  result(): readonly PathChurn[] {
    return [...this.#paths].map(([path, { commits, authors, lastAt }]) => ({ path, commits, authors: authors.size, lastAt })).sort(byPath);
  }

  #takeHeader(text: string): void {
    const part = this.#header--;
    if (part === 3) this.#counts = !this.#cut.has(text);
    if (part === 2) this.#author = text;
    if (part === 1) this.#at = Number(text) * 1000;
    this.#isFirstName = true;
  }

  #touch(name: Buffer): void {
    if (!isUtf8(name)) return;
    const path = name.toString('utf8');
    const known = this.#paths.get(path);
    const touched = known ?? { commits: 0, authors: new Set<string>(), lastAt: 0 };
    if (known === undefined) {
      if (this.#paths.size >= MAX_PATHS) return;
      this.#paths.set(path, touched);
    }
    touched.commits++;
    if (touched.authors.size < MAX_AUTHORS_PER_PATH) touched.authors.add(this.#author);
    touched.lastAt = Math.max(touched.lastAt, this.#at);
  }
}
