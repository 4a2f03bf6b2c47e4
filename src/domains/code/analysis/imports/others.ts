import { folderOf, joined } from './path-index.ts';
import { external, type ImportContext, type Resolution, type Resolver, toFile, UNRESOLVED } from './resolution.ts';

/** A class by its name space (PSR-4: leading steps stand for a folder), or an included path. */
export const resolvePhp: Resolver = (context, from, target) => {
  if (/\.\w+$/.test(target)) return relativeOrEnding(context, from, target) ?? UNRESOLVED;
  const steps = target.split('\\').filter(Boolean);
  for (let at = 0; at < steps.length - 1 || at === 0; at += 1) {
    const files = context.index.endingWith(`${steps.slice(at).join('/')}.php`);
    if (files.length > 0) return toFile(context.index.nearest(files, from) ?? files[0]) ?? UNRESOLVED;
  }
  return external(steps.slice(0, Math.max(1, Math.min(2, steps.length - 1))).join('\\'));
};

/** `require_relative` and `require` look alike by their targets: a file beside, else one below a load path, else a gem. */
export const resolveRuby: Resolver = (context, from, target) => {
  const path = target.endsWith('.rb') ? target : `${target}.rb`;
  const found = relativeOrEnding(context, from, path);
  if (found !== undefined) return found;
  return target.startsWith('.') ? UNRESOLVED : external(target.split('/')[0] ?? '');
};

/** A path from the file's folder or from the top; a variable in it cannot be known. */
export const resolveShell: Resolver = ({ index }, from, target) => {
  if (/[$`~]/.test(target) || target.startsWith('/')) return UNRESOLVED;
  return toFile(index.firstAt([joined(folderOf(from), target) ?? '', joined('', target) ?? ''])) ?? UNRESOLVED;
};

/** Style sheets and pages: addresses, paths from the top, paths from the file. */
export const resolveWeb: Resolver = ({ index }, from, target) => {
  const host = /^(?:https?:)?\/\/[^/]+/i.exec(target)?.[0];
  if (host !== undefined) return external(host.replace(/^\/\//, 'https://'));
  const path = target.replace(/[?#].*$/, '');
  if (path === '' || /^[a-z]+:/i.test(path)) return UNRESOLVED;
  const file = path.startsWith('/') ? index.firstAt([path.slice(1), `public${path}`, `static${path}`]) : index.at(joined(folderOf(from), path) ?? '');
  return toFile(file) ?? UNRESOLVED;
};

function relativeOrEnding({ index }: ImportContext, from: string, path: string): Resolution | undefined {
  const beside = index.at(joined(folderOf(from), path) ?? '');
  if (beside !== undefined) return toFile(beside);
  const ending = joined('', path.replace(/^(?:\.{0,2}\/)+/, '')) ?? '';
  const files = ending === '' ? [] : index.endingWith(ending);
  return toFile(files.length <= 1 ? files[0] : index.nearest(files, from));
}
