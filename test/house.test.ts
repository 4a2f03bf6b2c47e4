import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(read('package.json')) as Manifest;
const lock = JSON.parse(read('package-lock.json')) as {
  readonly packages: Readonly<Record<string, { readonly hasInstallScript?: boolean; readonly optional?: boolean }>>;
};

test('Node is pinned for five platforms at one version, and the lock file lists them all', () => {
  const pinned = Object.entries(manifest.optionalDependencies);
  expect(pinned).toHaveLength(5);
  expect(new Set(pinned.map(([, version]) => version)).size).toBe(1);
  for (const [name] of pinned) expect(lock.packages[`node_modules/${name}`], name).toMatchObject({ optional: true });
});

test('every version is exact, and no install script runs', () => {
  const versions = Object.values({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies });
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  for (const line of ['ignore-scripts=true', 'save-exact=true', 'loglevel=error']) expect(read('.npmrc').split('\n')).toContain(line);
});

test('the lock file names no registry', () => {
  expect(read('package-lock.json')).not.toContain('"resolved": "http');
});

test('every script the README tells to run exists', () => {
  const told = [...read('README.md').matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name ?? '');
  expect(told.length).toBeGreaterThan(3);
  expect(told.filter((name) => manifest.scripts[name] === undefined)).toEqual([]);
});

test('every page and file a document links to exists', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs/architecture.md'];
  const links = pages.flatMap((page) => [...read(page).matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, target]) => join(page, '..', target ?? '')));
  const missing = links.filter((target) => spawnSync('test', ['-e', join(ROOT, target)]).status !== 0);
  expect(missing).toEqual([]);
});

test('the command starts, says its version, and ends by itself', () => {
  const run = spawnSync(process.execPath, [join(ROOT, 'bin/polymnia'), 'version'], { encoding: 'utf8', timeout: 20_000 });
  expect(run).toMatchObject({ status: 0, stderr: '' });
  expect(run.stdout).toContain((JSON.parse(read('package.json')) as { version: string }).version);
});
