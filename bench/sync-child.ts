/** A process that syncs one folder, or does only what no sync could leave out, and says what it took. Started by `code-sync.ts`. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type * as LanguageOf from '../src/domains/code/languages/language-of.ts';
import type * as Parsing from '../src/providers/parsing/tree-sitter-parser.ts';
import type * as RunSync from '../src/app/children/run-sync.ts';
import type { SyncAnswer, SyncOrder } from './support/sync-process.ts';

process.once('message', (order: SyncOrder) => void answer(order));

async function answer(order: SyncOrder): Promise<void> {
  const result = await obey(order);
  process.send?.(result);
  process.disconnect?.();
}

async function obey({ main, task, only }: SyncOrder): Promise<SyncAnswer> {
  const dist = dirname(main);
  const sync = (await import(join(dist, 'app/children/run-sync.js'))) as typeof RunSync;
  const parsing = (await import(join(dist, 'providers/parsing/tree-sitter-parser.js'))) as typeof Parsing;
  const languages = (await import(join(dist, 'domains/code/languages/language-of.js'))) as typeof LanguageOf;
  let textReadyMs: number | undefined;
  const startedAt = performance.now();
  const before = process.cpuUsage();
  const host = { signal: new AbortController().signal, folder: task.folder, event: notice };
  const report = only === undefined ? await sync.runSync(task, host) : undefined;
  if (only !== undefined)
    await readHashParse(only, await parsing.createCodeParser({ budgets: task.budgets, now: () => performance.now() }), languages);
  const { user, system } = process.cpuUsage(before);
  return {
    ...(report !== undefined && { report }),
    ...(textReadyMs !== undefined && { textReadyMs }),
    ms: performance.now() - startedAt,
    cpuMs: (user + system) / 1000,
    rssMb: process.resourceUsage().maxRSS / 1024,
  };

  function notice(event: unknown): void {
    if ((event as { readonly kind: string }).kind === 'text_ready') textReadyMs = performance.now() - startedAt;
  }
}

async function readHashParse(
  paths: readonly string[],
  parser: Awaited<ReturnType<typeof Parsing.createCodeParser>>,
  { languageOf }: typeof LanguageOf,
): Promise<void> {
  using _parser = parser;
  for (const path of paths) {
    const bytes = readFileSync(path);
    createHash('sha256').update(bytes).digest('hex');
    parser.parse(bytes.toString(), languageOf(path, bytes));
  }
}
