import { lstatSync, readdirSync } from 'node:fs';
import type { BigIntStats, Dirent } from 'node:fs';
import type { SyncBudgets } from '../../../domains/code/model.ts';
import { MAX_RULE_FILE_BYTES } from '../exclusions.ts';
import type { Exclusions, RuleFile } from '../exclusions.ts';
import { Listing } from '../listing.ts';
import type { ListedFile } from '../listing.ts';
import { showName, textOfName } from '../name-text.ts';
import type { Turns } from '../turns.ts';
import { attempt, NotReadable, openFolder, readWhole, statSignature } from './safe-files.ts';

export interface WalkRequest {
  /** Real path. */
  readonly root: string;
  /** Real paths of folders that are told as excluded, whatever their contents' rules say. */
  readonly own: readonly string[];
  readonly budgets: SyncBudgets;
  readonly exclusions: Exclusions;
  readonly turns: Turns;
  onProgress(done: number): void;
}

/** A regular file as the walk saw it. */
export interface WalkedFile extends ListedFile {
  readonly stat: string;
  /** ms; the later of its two times of change. */
  readonly changedAt: number;
}

const RULE_FILES: readonly RuleFile[] = ['.gitignore', '.polymniaignore'];
const REPLACEMENT = '\uFFFD';
const NS_PER_MS = 1_000_000n;

/**
 * Every file below the root, without following links and without leaving the root's device. Nothing that cannot be read ends
 * it: such things are listed with their reason. Each folder is listed through its open handle, so that swapping it for a link
 * meanwhile leads nowhere.
 */
export async function walkFolder(request: WalkRequest): Promise<Listing<WalkedFile>> {
  const listing = new Listing<WalkedFile>(request.budgets);
  const device = lstatSync(request.root, { bigint: true }).dev;
  const own = ownPlaces(request.own);
  const waiting = [''];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    await request.turns.next();
    request.onProgress(listing.size);
    try {
      walkOne(new FolderLook({ request, listing, path: folder, device, own }), waiting);
    } catch (error) {
      if (!(error instanceof NotReadable) || folder === '') throw error;
      listing.skip(folder, error.reason);
    }
  }
  return listing;
}

function walkOne(look: FolderLook, waiting: string[]): void {
  const { request, path } = look;
  using folder = openFolder(look.absolute(path));
  // A file system mounted here may be of any kind and size; the administrators named the one of the root.
  if (folder.stats.dev !== look.device) throw new NotReadable('special_file');
  if (look.own.has(placeOf(folder.stats))) throw new NotReadable('excluded');
  const names = namesIn(folder.listPath);
  for (const file of RULE_FILES) if (names.some(({ name }) => name === file)) look.takeRules(file, folder.listPath);
  for (const entry of names) {
    const below = look.below(entry.name);
    if (!entry.isText) look.listing.skip(below, 'path_not_text');
    else if (request.exclusions.isExcluded(below, entry.kind === 'folder')) look.listing.skip(below, 'excluded');
    else if (entry.kind === 'folder' && look.listing.isTooDeep(`${below}/x`)) look.listing.skip(below, 'path_too_deep');
    else if (entry.kind === 'folder') waiting.push(below);
    else look.take(entry, below, folder.listPath);
  }
}

/** Folders by what they are, not by their names: one that is mounted a second time elsewhere is still the same. */
function ownPlaces(folders: readonly string[]): ReadonlySet<string> {
  const found = folders.map((folder) => lstatSync(folder, { bigint: true, throwIfNoEntry: false }));
  return new Set(found.flatMap((stats) => (stats === undefined ? [] : [placeOf(stats)])));
}

function placeOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

/** What belongs to the look at one folder. */
class FolderLook {
  readonly request: WalkRequest;
  readonly listing: Listing<WalkedFile>;
  /** Relative to the root; `''` is the root. */
  readonly path: string;
  readonly device: bigint;
  readonly own: ReadonlySet<string>;

  constructor({ request, listing, path, device, own }: Pick<FolderLook, 'request' | 'listing' | 'path' | 'device' | 'own'>) {
    this.request = request;
    this.listing = listing;
    this.path = path;
    this.device = device;
    this.own = own;
  }

  below(name: string): string {
    return this.path === '' ? name : `${this.path}/${name}`;
  }

  absolute(path: string): string {
    return absolutePath(this.request.root, path);
  }

  /** Rules that cannot be read do not hold; the file itself is listed like any other. */
  takeRules(file: RuleFile, listPath: string): void {
    const found = this.#look(file, listPath);
    if (found === undefined || !found.isFile() || found.size > MAX_RULE_FILE_BYTES) return;
    try {
      const bytes = readWhole(this.absolute(this.below(file)), { stat: statSignature(found), bytes: Number(found.size) });
      this.request.exclusions.addRules(file, this.path, bytes.toString('utf8'));
    } catch (error) {
      if (!(error instanceof NotReadable)) throw error;
    }
  }

  take(entry: NamedEntry, path: string, listPath: string): void {
    if (entry.kind !== 'file') return this.listing.skip(path, entry.kind === 'link' ? 'symlink' : 'special_file');
    const found = this.#look(entry.name, listPath);
    if (found === undefined) return this.listing.skip(path, 'changed_while_read');
    if (!found.isFile()) return this.listing.skip(path, found.isSymbolicLink() ? 'symlink' : 'special_file');
    if (this.listing.isTooDeep(path)) return this.listing.skip(path, 'path_too_deep');
    const changedNs = found.mtimeNs > found.ctimeNs ? found.mtimeNs : found.ctimeNs;
    this.listing.add({ path, bytes: Number(found.size), stat: statSignature(found), changedAt: Number(changedNs / NS_PER_MS) });
  }

  #look(name: string, listPath: string): BigIntStats | undefined {
    return lstatSync(`${listPath}/${name}`, { bigint: true, throwIfNoEntry: false });
  }
}

export function absolutePath(root: string, path: string): string {
  if (path === '') return root;
  return root.endsWith('/') ? `${root}${path}` : `${root}/${path}`;
}

interface NamedEntry {
  /** As text, or for bytes that are none with these as `\xNN`. */
  readonly name: string;
  readonly isText: boolean;
  readonly kind: 'file' | 'folder' | 'link' | 'special';
}

/** Names that are no text come out of the first look with a replacement character; only then the bytes are looked at. */
function namesIn(listPath: string): readonly NamedEntry[] {
  const entries = attempt(() => readdirSync(listPath, { withFileTypes: true }));
  if (!entries.some(({ name }) => name.includes(REPLACEMENT)))
    return entries.map((entry) => ({ name: entry.name, isText: true, kind: kindOf(entry) }));
  const raw = attempt(() => readdirSync(listPath, { withFileTypes: true, encoding: 'buffer' }));
  return raw.map((entry) => {
    const text = textOfName(entry.name);
    return { name: text ?? showName(entry.name), isText: text !== undefined, kind: kindOf(entry) };
  });
}

function kindOf(entry: Dirent | Dirent<Buffer>): NamedEntry['kind'] {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  return entry.isSymbolicLink() ? 'link' : 'special';
}
