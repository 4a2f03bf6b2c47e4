import type { Manifests } from './manifests.ts';
import type { PathIndex } from './path-index.ts';

/** What an import leads to. `unsupported`: its language has no rules here. */
export type Resolution =
  | { readonly kind: 'file'; readonly file: number }
  /** A folder whose files are one package. */
  | { readonly kind: 'package'; readonly folder: string }
  /** Code from elsewhere, by the name it is got by. */
  | { readonly kind: 'external'; readonly name: string }
  | { readonly kind: 'unresolved' }
  | { readonly kind: 'unsupported' };

export interface ImportContext {
  readonly index: PathIndex;
  readonly manifests: Manifests;
}

/** Resolves a target as it is written in the file of that path. Names in the repository decide, never its code. */
export type Resolver = (context: ImportContext, from: string, target: string) => Resolution;

export const UNRESOLVED: Resolution = { kind: 'unresolved' };
export const UNSUPPORTED: Resolution = { kind: 'unsupported' };

export function toFile(file: number | undefined): Resolution | undefined {
  return file === undefined ? undefined : { kind: 'file', file };
}

/** Longest name of something external that is kept. */
const MAX_NAME = 200;

export function external(name: string): Resolution {
  return name === '' ? UNRESOLVED : { kind: 'external', name: name.slice(0, MAX_NAME) };
}
