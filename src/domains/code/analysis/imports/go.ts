import { folderOf, joined, under } from './path-index.ts';
import { external, type Resolver, UNRESOLVED } from './resolution.ts';

/** A package of one of the repository's modules is a folder; the longest module that fits counts. */
export const resolveGo: Resolver = ({ manifests }, from, target) => {
  if (target.startsWith('.')) {
    const folder = joined(folderOf(from), target);
    return folder === undefined ? UNRESOLVED : { kind: 'package', folder };
  }
  for (let module = target; module !== ''; module = folderOf(module)) {
    const folder = manifests.go.get(module);
    if (folder === undefined) continue;
    const rest = target.slice(module.length + 1);
    return { kind: 'package', folder: rest === '' ? folder : under(folder, rest) };
  }
  const [host = '', ...steps] = target.split('/');
  return external(host.includes('.') ? [host, ...steps.slice(0, 2)].join('/') : target);
};
