import { parseJson } from '../../../../kernel/parse-json.ts';
import { folderOf, nameIn } from './path-index.ts';

/** Names of packages that the repository itself makes, by the folder they lie in. */
export interface Manifests {
  /** `name` of package.json → folder. */
  readonly scripts: ReadonlyMap<string, string>;
  /** `module` of go.mod → folder. */
  readonly go: ReadonlyMap<string, string>;
  /** `name` of Cargo.toml, as code writes it → folder. */
  readonly crates: ReadonlyMap<string, string>;
  /** Folders with a Cargo.toml, those of workspaces too. */
  readonly crateFolders: ReadonlySet<string>;
}

const MAX_MANIFESTS = 5000;
const MAX_BYTES = 262_144;
const NAMES: ReadonlySet<string> = new Set(['package.json', 'go.mod', 'Cargo.toml']);

export function isManifest(path: string): boolean {
  return NAMES.has(nameIn(path));
}

/** Collects manifests; of a name that occurs twice the first counts. */
export class ManifestReader implements Manifests {
  readonly scripts = new Map<string, string>();
  readonly go = new Map<string, string>();
  readonly crates = new Map<string, string>();
  readonly crateFolders = new Set<string>();
  #count = 0;

  /** Files that are none, too many or too large are left out. */
  take(path: string, bytes: Uint8Array): void {
    if (!isManifest(path) || bytes.length > MAX_BYTES || this.#count >= MAX_MANIFESTS) return;
    this.#count += 1;
    const text = new TextDecoder().decode(bytes);
    const folder = folderOf(path);
    const name = nameIn(path);
    if (name === 'package.json') note(this.scripts, jsonName(text), folder);
    else if (name === 'go.mod') note(this.go, /^module[ \t]+"?([^\s"]+)/m.exec(text)?.[1], folder);
    else {
      this.crateFolders.add(folder);
      note(this.crates, /^\[package\][^[]*?^name[ \t]*=[ \t]*"([^"\n]+)"/m.exec(text)?.[1]?.replaceAll('-', '_'), folder);
    }
  }
}

function note(names: Map<string, string>, name: string | undefined, folder: string): void {
  if (name !== undefined && name !== '' && !names.has(name)) names.set(name, folder);
}

function jsonName(text: string): string | undefined {
  const parsed = parseJson(text);
  return typeof parsed === 'object' && parsed !== null && 'name' in parsed && typeof parsed.name === 'string' ? parsed.name : undefined;
}
