import { PolymniaError } from '../../kernel/errors.ts';
import type { SyncInput } from './inputs.ts';
import { nameFromSource, nameProblem, repositoryNameKey } from './names.ts';
import { checkRepositoryUrl } from './source-rules.ts';

/** A sync as it was asked for, in one form whatever names its fields came under. */
export interface SyncRequest {
  readonly name: string;
  readonly nameKey: string;
  /** Absent: the known source of that name. */
  readonly source?: RequestedSource;
  readonly branch?: string;
  readonly mode: 'auto' | 'full';
  readonly replaceSource: boolean;
}

/** A folder's path is as it was written; who may name it is seen when it is looked at. */
export type RequestedSource = { readonly kind: 'git'; readonly url: string } | { readonly kind: 'folder'; readonly path: string };

/** What the input asks for. Throws `invalid_input` for what no sync can be, before anything is looked at. */
export function syncRequest(input: SyncInput): SyncRequest {
  const address = one(input.source, input.repository_path, 'source', 'repository_path');
  const name = one(input.name, input.repository_name, 'name', 'repository_name') ?? derivedName(address);
  const source = address === undefined ? undefined : readSource(address);
  const { branch } = input;
  if (branch !== undefined && source?.kind === 'folder') throw invalid('branch', 'A folder is read as it is; a branch belongs to a git URL.');
  if (branch !== undefined && !isBranchName(branch)) throw invalid('branch', 'The branch is not a name git allows.');
  return {
    name,
    nameKey: repositoryNameKey(name),
    ...(source !== undefined && { source }),
    ...(branch !== undefined && { branch }),
    mode: modeOf(input),
    replaceSource: input.replaceSource ?? false,
  };
}

function one(value: string | undefined, older: string | undefined, field: string, olderField: string): string | undefined {
  if (value !== undefined && older !== undefined && value !== older)
    throw invalid(field, `${field} and ${olderField} are the same; give one of them.`);
  return value ?? older;
}

function derivedName(address: string | undefined): string {
  if (address === undefined) throw invalid('source', 'Say what to index: source (a git URL or a folder), or the name of a repository that is known.');
  const name = nameFromSource(address).normalize('NFC');
  const problem = nameProblem(name);
  if (problem !== undefined) throw invalid('name', `Give a name; the last part of the source makes none. ${problem}`);
  return name;
}

const ABSOLUTE = /^(\/|[A-Za-z]:[\\/])/;
const HAS_SCHEME = /^[A-Za-z][A-Za-z0-9+.-]+:/;
const SCP_LIKE = /^[^/\\]+@[^/\\]+:/;

function readSource(address: string): RequestedSource {
  if (ABSOLUTE.test(address)) return { kind: 'folder', path: address };
  if (HAS_SCHEME.test(address)) return { kind: 'git', url: checkRepositoryUrl(address) };
  if (SCP_LIKE.test(address)) throw invalid('source', 'Write the URL in full, https://host/path or ssh://user@host/path.');
  throw invalid('source', 'The source must be a git URL such as https://host/path, or the absolute path of a folder on the server.');
}

function modeOf({ mode, incremental, force_full: forceFull }: SyncInput): 'auto' | 'full' {
  const isFull = forceFull === true || incremental === false;
  if (mode === 'auto' && isFull) throw invalid('mode', 'mode: auto and a full sync are both asked for; give one of them.');
  return mode === 'full' || isFull ? 'full' : 'auto';
}

/** As `git check-ref-format --branch` has it, and nothing that could be taken for an option. */
function isBranchName(branch: string): boolean {
  const refused = /[\p{Cc} ~^:?*[\\]|\.\.|@\{|\/\/|^[-/@.]|\/\.|[/.]$|\.lock(\/|$)/u;
  return branch.isWellFormed() && !refused.test(branch);
}

function invalid(field: string, message: string): PolymniaError {
  return new PolymniaError('invalid_input', message, { details: { field } });
}
