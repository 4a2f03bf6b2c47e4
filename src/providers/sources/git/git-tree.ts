import type { SyncBudgets } from '../../../domains/code/model.ts';
import type { SkippedEntry, SourceEntry } from '../../../domains/code/ports.ts';
import { throwIfAborted } from '../../../kernel/abort.ts';
import type { Exclusions } from '../exclusions.ts';
import { Listing } from '../listing.ts';
import { showName, textOfName } from '../name-text.ts';
import { GitProcess } from './git-process.ts';
import type { GitTools } from './git-process.ts';
import { readRecords } from './nul-records.ts';

export interface TreeRequest {
  readonly tools: GitTools;
  readonly gitDir: string;
  readonly treeId: string;
  readonly budgets: SyncBudgets;
  readonly exclusions: Exclusions;
  readonly signal: AbortSignal;
  onProgress(done: number): void;
}

export interface TreeListing {
  readonly entries: readonly SourceEntry[];
  readonly skipped: readonly SkippedEntry[];
}

/** The clone does not hold what its tree names: it is to be made afresh. */
export class DamagedClone extends Error {
  override readonly name = 'DamagedClone';
}

const TAB = 9;
const PROGRESS_EVERY = 5000;

/** All that the tree names, without a look into any file. Throws {@link DamagedClone}, or `too_large` for an endless tree. */
export async function listTree(request: TreeRequest): Promise<TreeListing> {
  const { tools, gitDir, treeId, signal, budgets } = request;
  const args = ['ls-tree', '-r', '-z', '--long', '--full-tree', treeId];
  await using git = new GitProcess({ tools, gitDir, args, signal });
  git.stdin.end();
  const listing = new Listing<SourceEntry>(budgets);
  let told = 0;
  try {
    for await (const record of readRecords(git.stdout as AsyncIterable<Buffer>)) {
      takeRecord(request, listing, record);
      if (listing.size >= told + PROGRESS_EVERY) request.onProgress((told = listing.size));
    }
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
  const { status } = await git.ended();
  if (status !== 0) throw new DamagedClone(`git ls-tree ended with status ${status ?? 'unknown'}`);
  const { files, skipped } = listing.finish();
  request.onProgress(listing.size);
  return { entries: files, skipped };
}

/** One line of `ls-tree --long`: mode, type, object, size (right-aligned, `-` for what is no file), tab, path. */
function takeRecord({ exclusions }: TreeRequest, listing: Listing<SourceEntry>, record: Buffer): void {
  const tab = record.indexOf(TAB);
  const [mode = '', type = '', blobId = '', size = ''] = record.toString('latin1', 0, tab).split(/ +/);
  const name = record.subarray(tab + 1);
  const path = textOfName(name);
  if (path === undefined) return listing.skip(showName(name), 'path_not_text');
  const excluded = exclusions.excludedPart(path);
  if (excluded !== undefined) return exclusions.isFirst(excluded) ? listing.skip(excluded, 'excluded') : undefined;
  if (mode === '160000') return listing.skip(path, 'submodule');
  if (mode === '120000') return listing.skip(path, 'symlink');
  if (type !== 'blob') return listing.skip(path, 'special_file');
  if (listing.isTooDeep(path)) return listing.skip(path, 'path_too_deep');
  if (!/^\d+$/.test(size)) throw new DamagedClone('git ls-tree names an object that is not there');
  listing.add({ path, blobId, bytes: Number(size) });
}
