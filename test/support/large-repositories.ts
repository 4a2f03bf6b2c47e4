import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ServedRepository } from '../../src/providers/sources/git-server-test-kit.ts';

/** A part of what `git fast-import` reads. */
type Part = string | Buffer;

/** Nothing is made smaller: the contents are small already, or noise. */
const QUICK = ['-c', 'core.compression=0', '-c', 'pack.compression=0'];
const IMPORT = ['fast-import', '--quiet', '--force', '--depth=0', '--big-file-threshold=1m'];

/** Files of one part that is handed to git. */
const FILES_PER_PART = 1000;
const SOURCE_EVERY = 10;

/** Writes into a repository what comes, as it comes: any size, in the memory of one part. */
export async function importInto({ folder }: ServedRepository, parts: Iterable<Part>): Promise<void> {
  const git = spawn('git', [...QUICK, ...IMPORT], {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', GIT_DIR: folder },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const [, [status]] = await Promise.all([pipeline(Readable.from(parts), git.stdin), once(git, 'exit')]);
  if (status !== 0) throw new Error(`git fast-import ended with status ${String(status)}`);
}

/** One commit of small files, no two alike. Of every thousand 100 are source, one is binary and one a link. */
export function* manyFiles(count: number): Generator<Part> {
  yield commit(0);
  for (let first = 0; first < count; first += FILES_PER_PART) {
    yield Array.from({ length: Math.min(FILES_PER_PART, count - first) }, (_, at) => numberedFile(first + at)).join('');
  }
}

/** Where {@link manyFiles} puts the n-th file. */
export function numberedPath(n: number): string {
  const folder = `part_${Math.floor(n / FILES_PER_PART)}/group_${n % 7}`;
  if (n % SOURCE_EVERY === 0) return `${folder}/module_${n}.py`;
  return `${folder}/${kindOf(n)}_${n}${kindOf(n) === 'note' ? '.txt' : ''}`;
}

function numberedFile(n: number): string {
  if (n % SOURCE_EVERY === 0) return file(numberedPath(n), `def step_${n}(value):\n    return value + ${n}\n`);
  if (kindOf(n) === 'link') return file(numberedPath(n), `note_${n}`, '120000');
  return file(numberedPath(n), kindOf(n) === 'binary' ? `\0${n}` : `note ${n} of many\n`);
}

function kindOf(n: number): 'binary' | 'link' | 'note' {
  const place = n % FILES_PER_PART;
  return place === 1 ? 'binary' : place === 2 ? 'link' : 'note';
}

/** So many commits, each with a blob of noise that the next one deletes, and at the tip these files alone. */
export function* longHistory(commits: number, blobBytes: number, tip: Readonly<Record<string, string>>): Generator<Part> {
  for (let n = 0; n < commits; n++) {
    yield `${commit(n)}deleteall\n${header(`noise_${n}.bin`, blobBytes)}`;
    yield randomBytes(blobBytes);
    yield '\n';
  }
  yield `${commit(commits)}deleteall\n${Object.entries(tip)
    .map(([path, text]) => file(path, text))
    .join('')}`;
}

/** Follows what is on the branch in the same import; alone it begins anew. */
function commit(n: number): string {
  return `commit refs/heads/main\ncommitter x <ann@example.test> ${1_700_000_000 + n} +0000\ndata 1\nx\n`;
}

/** Of a text without characters beyond ASCII. */
function file(path: string, text: string, mode = '100644'): string {
  return `${header(path, text.length, mode)}${text}\n`;
}

function header(path: string, bytes: number, mode = '100644'): string {
  return `M ${mode} inline ${path}\ndata ${bytes}\n`;
}
