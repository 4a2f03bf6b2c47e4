import { rm } from 'node:fs/promises';
import type { OpenSource, PathChurn, SourceContent, SourceEntry, SourceSnapshot } from '../../../domains/code/ports.ts';
import type { RepositoryUrlRules } from '../../../domains/code/source-rules.ts';
import { throwIfAborted } from '../../../kernel/abort.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { Exclusions, MAX_RULE_FILE_BYTES } from '../exclusions.ts';
import { readBlobs } from './git-blobs.ts';
import { readChurn } from './git-churn.ts';
import { cloneAfresh, deepenClone, refreshClone, TIP } from './git-clone.ts';
import type { CloneRequest } from './git-clone.ts';
import { runGit } from './git-process.ts';
import type { GitTools } from './git-process.ts';
import { resolveRemote } from './git-remote.ts';
import type { ResolveHost } from './git-remote.ts';
import { DamagedClone, listTree } from './git-tree.ts';
import type { TreeListing } from './git-tree.ts';
import { checkGitVersion } from './git-version.ts';

export interface GitSourceDeps {
  readonly tools: GitTools;
  readonly rules: RepositoryUrlRules;
  readonly resolveHost: ResolveHost;
}

/** A git URL's source, as {@link OpenSource} has it. */
export interface OpenGitSource extends Omit<OpenSource, 'source'> {
  readonly source: Extract<OpenSource['source'], { kind: 'git' }>;
}

/** The commit that a clone was brought to, and all that its tree names. */
interface ListedTip extends TreeListing {
  readonly commit: string;
  readonly treeId: string;
}

/** Brings the clone of a git URL to the remote's newest state and lists it. */
export async function openGitSource(deps: GitSourceDeps, request: OpenGitSource): Promise<SourceSnapshot & AsyncDisposable> {
  const { tools } = deps;
  const { signal, source, cloneFolder, budgets } = request;
  await checkGitVersion(tools, signal);
  const remote = await resolveRemote(source.url, deps.rules, deps.resolveHost, signal);
  await checkBranch(deps, request);
  const onProgress = (done: number, total: number): void => request.progress('fetch', done, total, 'objects');
  const shared = { tools, remote, branch: source.branch, folder: cloneFolder, signal, onProgress };
  const clone = { ...shared, maxBytes: budgets.cloneBytes, maxMs: budgets.cloneMs };
  await refreshClone(clone);
  return new GitSnapshot(clone, await listWhole(clone, request));
}

/** Git's own word on what a branch may be called: it becomes part of a refspec. */
async function checkBranch({ tools }: GitSourceDeps, { source, signal }: OpenGitSource): Promise<void> {
  if (source.branch === undefined) return;
  const isText = !source.branch.includes('\0') && source.branch.isWellFormed();
  const args = ['check-ref-format', `refs/heads/${isText ? source.branch : ''}`];
  const { status } = await runGit({ tools, gitDir: '/dev/null', args, signal });
  if (status !== 0) throw new PolymniaError('invalid_input', 'The branch is not a name git allows.', { details: { field: 'branch' } });
}

async function listWhole(clone: CloneRequest, request: OpenGitSource): Promise<ListedTip> {
  try {
    return await listTip(clone, request);
  } catch (error) {
    if (!(error instanceof DamagedClone)) throw error;
  }
  await cloneAfresh(clone);
  try {
    return await listTip(clone, request);
  } catch (error) {
    if (!(error instanceof DamagedClone)) throw error;
    throw new PolymniaError('upstream_failed', 'The git repository could not be read, not even from a fresh clone.', { cause: error });
  }
}

async function listTip({ tools, folder, signal }: CloneRequest, { budgets, progress }: OpenGitSource): Promise<ListedTip> {
  const local = { tools, gitDir: folder, signal };
  const commit = await revision(local, TIP);
  const treeId = await revision(local, `${TIP}^{tree}`);
  if (commit === undefined || treeId === undefined) throw new DamagedClone('the tip of the clone is not there');
  const exclusions = new Exclusions();
  const rules = await runGit({ ...local, args: ['cat-file', 'blob', `${treeId}:.polymniaignore`] }).catch(() => undefined);
  throwIfAborted(signal);
  if (rules?.status === 0 && rules.stdout.byteLength <= MAX_RULE_FILE_BYTES)
    exclusions.addRules('.polymniaignore', '', rules.stdout.toString('utf8'));
  const onProgress = (done: number): void => progress('list', done, undefined, 'files');
  return { commit, treeId, ...(await listTree({ ...local, treeId, budgets, exclusions, onProgress })) };
}

async function revision(local: Pick<CloneRequest, 'tools' | 'signal'> & { readonly gitDir: string }, name: string): Promise<string | undefined> {
  const { status, stdout } = await runGit({ ...local, args: ['rev-parse', '--verify', '--quiet', name] });
  const id = stdout.toString('latin1').trim();
  return status === 0 && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(id) ? id : undefined;
}

/** One commit's files, read out of the bare clone. */
class GitSnapshot implements SourceSnapshot, AsyncDisposable {
  readonly #clone: CloneRequest;
  readonly treeId: string;
  readonly commit: string;
  readonly entries: TreeListing['entries'];
  readonly skipped: TreeListing['skipped'];
  #isDamaged = false;

  constructor(clone: CloneRequest, { treeId, commit, entries, skipped }: ListedTip) {
    this.#clone = clone;
    this.treeId = treeId;
    this.commit = commit;
    this.entries = entries;
    this.skipped = skipped;
  }

  read(entries: readonly SourceEntry[], signal: AbortSignal): AsyncIterable<SourceContent> {
    const { tools, folder } = this.#clone;
    return readBlobs({ tools, gitDir: folder, signal, onDamage: () => (this.#isDamaged = true) }, entries);
  }

  /** Fetches the history that is needed for it: a sync alone takes no more than one commit. Errors are those of a fetch. */
  async churn(maxCommits: number, signal: AbortSignal): Promise<readonly PathChurn[]> {
    const clone = { ...this.#clone, signal };
    await deepenClone(clone, maxCommits + 1);
    return readChurn({ tools: clone.tools, gitDir: clone.folder, maxCommits, signal });
  }

  /** A clone that did not give what it listed goes, so that the next sync makes it afresh. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDamaged) await rm(this.#clone.folder, { recursive: true, force: true });
  }
}
