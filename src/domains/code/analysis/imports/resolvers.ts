import { resolveInclude } from './c.ts';
import { resolveGo } from './go.ts';
import { resolveJvm } from './jvm.ts';
import { resolvePhp, resolveRuby, resolveShell, resolveWeb } from './others.ts';
import { resolvePython } from './python.ts';
import type { Resolver } from './resolution.ts';
import { resolveRust } from './rust.ts';
import { resolveScript } from './script.ts';

const RESOLVERS = new Map<string, Resolver>([
  ['python', resolvePython],
  ...['javascript', 'typescript', 'tsx', 'vue', 'svelte'].map((id) => [id, resolveScript] as const),
  ...['c', 'cpp', 'objective-c'].map((id) => [id, resolveInclude] as const),
  ['go', resolveGo],
  ...['java', 'kotlin', 'scala', 'groovy'].map((id) => [id, resolveJvm] as const),
  ['rust', resolveRust],
  ['php', resolvePhp],
  ['ruby', resolveRuby],
  ['bash', resolveShell],
  ['css', resolveWeb],
  ['html', resolveWeb],
]);

/** The rules by which a language's imports lead to files; undefined where there are none (C# names name spaces, which are no files). */
export function resolverOf(language: string): Resolver | undefined {
  return RESOLVERS.get(language);
}
