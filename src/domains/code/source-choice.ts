import { PolymniaError } from '../../kernel/errors.ts';
import type { RepositoryServiceDeps } from './deps.ts';
import type { Repository, RepositorySource } from './model.ts';
import { checkRepositoryUrl } from './source-rules.ts';
import type { RequestedSource, SyncRequest } from './sync-request.ts';

/** A source that may be read, and for a folder the roots its real path must lie in. */
export interface AllowedSource {
  readonly source: RepositorySource;
  readonly allowedRoots: readonly string[];
}

/**
 * The source a sync reads: the one asked for, else the known one. Looked at each time for the user who asks: a root that was
 * taken back allows nothing any more. Rejects with `invalid_input`, `forbidden`, or `conflict` when the name has another source.
 */
export async function chooseSource(
  deps: RepositoryServiceDeps,
  request: SyncRequest,
  known: Repository | undefined,
  userId: string,
): Promise<AllowedSource> {
  const asked = request.source ?? known?.source;
  if (asked === undefined) {
    const message = `There is no repository of that name in this space yet; say its source: a git URL, or the absolute path of a folder on the server.`;
    throw new PolymniaError('invalid_input', message, { details: { field: 'source' } });
  }
  const allowed = asked.kind === 'git' ? allowUrl(deps, asked, branchOf(asked.url, request, known)) : await allowFolder(deps, asked, userId);
  refuseOther(request, known, allowed.source);
  return allowed;
}

/** What a request names, without the question who may: a folder by its real path, if it has one. Undefined where nothing is known of that name. */
export async function namedSource(
  { sources }: Pick<RepositoryServiceDeps, 'sources'>,
  request: SyncRequest,
  known: Repository | undefined,
): Promise<RepositorySource | undefined> {
  const asked = request.source ?? known?.source;
  if (asked === undefined) return undefined;
  if (asked.kind === 'git') return gitSource(asked.url, branchOf(asked.url, request, known));
  const located = await sources.locate(asked.path);
  return { kind: 'folder', path: located.kind === 'folder' ? located.realPath : asked.path };
}

function gitSource(url: string, branch: string | undefined): RepositorySource {
  return { kind: 'git', url, ...(branch !== undefined && { branch }) };
}

/** A branch once said stays until another is said. */
function branchOf(url: string, { branch }: SyncRequest, known: Repository | undefined): string | undefined {
  if (branch !== undefined || known?.source.kind !== 'git' || known.source.url !== url) return branch;
  return known.source.branch;
}

function allowUrl({ settings }: RepositoryServiceDeps, { url }: RequestedSource & { kind: 'git' }, branch: string | undefined): AllowedSource {
  return { source: gitSource(checkRepositoryUrl(url, settings), branch), allowedRoots: [] };
}

/** Who may not name a folder learns nothing of it, not even whether it is there. */
async function allowFolder(deps: RepositoryServiceDeps, { path }: RequestedSource & { kind: 'folder' }, userId: string): Promise<AllowedSource> {
  const { sources, store, settings } = deps;
  const isFree = settings.ownerMayNameAnyFolder && (await deps.isOwner(userId));
  const located = await sources.locate(path);
  const roots = isFree ? [] : await store.allowedRoots();
  const isAllowed = isFree || (await sources.isWithin(located.kind === 'folder' ? located.realPath : path, roots));
  if (!isAllowed) throw outsideRoots(path);
  switch (located.kind) {
    case 'missing':
      throw new PolymniaError('invalid_input', 'There is no such folder on the server, or the server may not read it.', {
        details: { field: 'source' },
      });
    case 'own_data':
      throw new PolymniaError(
        'invalid_input',
        "This is the server's own data folder, or lies in it: it cannot be indexed. Name a folder outside it.",
        { details: { field: 'source' } },
      );
    case 'folder':
      return { source: { kind: 'folder', path: located.realPath }, allowedRoots: isFree ? [located.realPath] : roots };
  }
}

function outsideRoots(path: string): PolymniaError {
  const command = `polymnia ${rootCommand(path)}`;
  return new PolymniaError('forbidden', `No administrator has allowed to index this folder. On the server's machine this allows it: ${command}`, {
    details: { command },
  });
}

/** For a POSIX shell. A path that the command line would take for several, or for an option, goes as JSON. */
function rootCommand(path: string): string {
  return path.includes(',') ? `call set_code_roots --input ${shellWord(JSON.stringify({ add: [path] }))}` : `root add ${shellWord(path)}`;
}

function shellWord(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function refuseOther({ replaceSource, branch }: SyncRequest, known: Repository | undefined, source: RepositorySource): void {
  if (known?.published === undefined || replaceSource || isSame(known.source, source)) return;
  // A branch that was said is the word to change it; the address is the same.
  if (branch !== undefined && known.source.kind === 'git' && source.kind === 'git' && known.source.url === source.url) return;
  throw new PolymniaError('conflict', 'A repository of that name exists with another source. Choose another name, or say replaceSource: true.', {
    details: { source: known.source },
  });
}

/** Do both name the same files? */
export function isSame(one: RepositorySource, other: RepositorySource): boolean {
  if (one.kind === 'folder' || other.kind === 'folder') return one.kind === 'folder' && other.kind === 'folder' && one.path === other.path;
  return one.url === other.url && one.branch === other.branch;
}
