import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, matchesGlob, posix, relative } from 'node:path';
import { parseSync } from 'oxc-parser';
import { expect, test } from 'vitest';
import { DOMAIN_ORDER, PURE_BUILTINS, PURE_FILES, type Wall, WALLS } from './walls.ts';

const SRC = join(import.meta.dirname, '../src');

interface Import {
  readonly file: string;
  readonly specifier: string;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'));
const sources = files.filter((path) => !/(\.(test|contract|bench)|-test-kit)\.ts$/.test(path));
const imports = sources.flatMap(importsOf);

function importsOf(file: string): Import[] {
  const { module, errors } = parseSync(file, readFileSync(join(SRC, file), 'utf8'));
  if (errors.length > 0) throw new Error(`${file} does not parse: ${errors[0]?.message}`);
  const fromImports = module.staticImports.map((each) => each.moduleRequest.value);
  const fromExports = module.staticExports.flatMap((each) => each.entries.flatMap((entry) => entry.moduleRequest?.value ?? []));
  const dynamic = module.dynamicImports.map((each) =>
    readFileSync(join(SRC, file), 'utf8').slice(each.moduleRequest.start, each.moduleRequest.end).replaceAll(/['"`]/g, ''),
  );
  return [...fromImports, ...fromExports, ...dynamic].map((specifier) => ({ file, specifier }));
}

function wallOf(file: string): Wall {
  const wall = WALLS.find(({ from }) => (from === '.' ? !file.includes('/') : matchesGlob(file, `${from}/**`)));
  if (wall === undefined) throw new Error(`${file} stands outside every row of the wall table (test/walls.ts)`);
  return wall;
}

/** The folder a file calls its own: what the row's `from` matched. */
function ownFolder(file: string, wall: Wall): string {
  return file.split('/').slice(0, wall.from.split('/').length).join('/');
}

function isRelative({ specifier }: Import): boolean {
  return specifier.startsWith('.');
}

function targetOf({ file, specifier }: Import): string {
  return relative(SRC, join(SRC, posix.join(dirname(file), specifier))).replaceAll('\\', '/');
}

function climbs(each: Import): boolean {
  const wall = wallOf(each.file);
  const target = targetOf(each);
  if (wall.from !== '.' && target.startsWith(`${ownFolder(each.file, wall)}/`)) return false;
  if (wall.mayImport.some((pattern) => matchesGlob(target, pattern))) return false;
  return !isEarlierDoor(each.file, target);
}

function isEarlierDoor(file: string, target: string): boolean {
  const from = /^domains\/([^/]+)\//.exec(file)?.[1];
  const to = /^domains\/([^/]+)\/index\.ts$/.exec(target)?.[1];
  if (from === undefined || to === undefined) return false;
  const order: readonly string[] = DOMAIN_ORDER;
  return order.indexOf(to) >= 0 && order.indexOf(to) < order.indexOf(from);
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

const say = ({ file, specifier }: Import): string => `${file} → ${specifier}`;

test('there is something to hold', () => {
  expect(sources.length).toBeGreaterThan(30);
  expect(imports.length).toBeGreaterThan(100);
});

test('no import climbs a wall', () => {
  expect(imports.filter(isRelative).filter(climbs).map(say)).toEqual([]);
});

test('packages are imported only where the table allows', () => {
  const foreign = imports.filter((each) => !isRelative(each) && !each.specifier.startsWith('node:'));
  expect(foreign.filter((each) => !wallOf(each.file).packages.includes(packageOf(each.specifier))).map(say)).toEqual([]);
});

test('the pure parts import no Node module that does I/O', () => {
  const builtins = imports.filter((each) => each.specifier.startsWith('node:') && !wallOf(each.file).io);
  expect(builtins.filter(({ specifier }) => !PURE_BUILTINS.has(specifier)).map(say)).toEqual([]);
});

test('the pure algorithm files of domains import only each other and the kernel', () => {
  const pure: readonly string[] = PURE_FILES;
  const wrong = imports
    .filter(({ file }) => pure.includes(file))
    .filter((each) => isRelative(each) && !pure.includes(targetOf(each)) && !/^kernel\/|\/model\.ts$/.test(targetOf(each)));
  expect(wrong.map(say)).toEqual([]);
});

test('storage threads load neither zod nor a domain door', () => {
  const entries = sources.filter((file) => /^storage\/sqlite\/(threads\/(reader|writer|maintenance)|system\/system-writer)\.ts$/.test(file));
  expect(entries.length).toBeGreaterThan(0);
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const each of valueImportsOf(file)) if (isRelative(each)) visit(targetOf(each));
  };
  entries.forEach(visit);
  const zod = [...reached].filter((file) => valueImportsOf(file).some(({ specifier }) => specifier === 'zod'));
  expect(zod).toEqual([]);
  expect([...reached].filter((file) => /^domains\/[^/]+\/index\.ts$/.test(file))).toEqual([]);
});

function valueImportsOf(file: string): Import[] {
  const { module } = parseSync(file, readFileSync(join(SRC, file), 'utf8'));
  return module.staticImports
    .filter((each) => each.entries.length === 0 || each.entries.some((entry) => !entry.isType))
    .map((each) => ({ file, specifier: each.moduleRequest.value }));
}

/** The parser's kinds are enums of text, which it does not export as values. */
function isKind(kind: string, name: string): boolean {
  return kind === name;
}

test('no default export, no star export', () => {
  const wrong = sources.filter((file) => {
    const { module } = parseSync(file, readFileSync(join(SRC, file), 'utf8'));
    return module.staticExports.some((each) =>
      each.entries.some((entry) => isKind(entry.exportName.kind, 'Default') || isKind(entry.importName.kind, 'AllButDefault')),
    );
  });
  expect(wrong).toEqual([]);
});

test('no file is a heap', () => {
  const heaps = sources.filter((file) => readFileSync(join(SRC, file), 'utf8').split('\n').length > 450);
  expect(heaps).toEqual([]);
});
