import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SyncBudgets } from '../../domains/code/model.ts';
import type { OpenSource, SourceContent, SourceSnapshot } from '../../domains/code/ports.ts';

export const BUDGETS: SyncBudgets = {
  maxFiles: 200_000,
  maxBytes: 2 ** 31,
  maxTextBytes: 2 ** 21,
  maxParseBytes: 2 ** 20,
  maxParseMs: 2000,
  maxPathDepth: 64,
  cloneBytes: 2 ** 30,
  cloneMs: 60_000,
};

/** A folder of its own, without links in its path. */
export async function ownFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'polymnia-sources-')));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export function openRequest(changes: Partial<OpenSource> & Pick<OpenSource, 'source'>): OpenSource {
  return {
    cloneFolder: '/dev/null/none',
    allowedRoots: [],
    known: new Map(),
    budgets: BUDGETS,
    signal: new AbortController().signal,
    progress: () => {},
    ...changes,
  };
}

/** All that a snapshot holds, read: text by path, and reasons by path. */
export async function readAll(snapshot: SourceSnapshot): Promise<{ texts: Record<string, string>; reasons: Record<string, string> }> {
  const texts: [string, string][] = [];
  const reasons = snapshot.skipped.map(({ path, reason }): [string, string] => [path, reason]);
  for await (const content of snapshot.read(snapshot.entries, new AbortController().signal)) take(content, texts, reasons);
  return { texts: Object.fromEntries(texts), reasons: Object.fromEntries(reasons) };
}

function take(content: SourceContent, texts: [string, string][], reasons: [string, string][]): void {
  if ('bytes' in content) texts.push([content.entry.path, Buffer.from(content.bytes).toString('utf8')]);
  else reasons.push([content.entry.path, content.unreadable]);
}
