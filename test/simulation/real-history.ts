import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { indexContents } from '../../src/app/children/index-contents-test-kit.ts';
import { syncRepository } from '../../src/app/children/sync-repository.ts';
import type { SyncReport } from '../../src/domains/code/model.ts';
import type { SyncTask } from '../../src/domains/code/ports.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { ServedRepository, startGitServer } from '../../src/providers/sources/git-server-test-kit.ts';
import { createSourceOpener } from '../../src/providers/sources/source-opener.ts';
import { BUDGETS } from '../../src/providers/sources/sources-test-kit.ts';
import { temporaryFolder } from '../support/storage.ts';

const HOSTS = ['localhost'];

interface Generation {
  readonly folder: string;
  readonly report: SyncReport;
}

interface Course {
  /** Real commits, the newest ones of the branch that is checked out. */
  readonly commits: number;
  /** How often what came by and by is held against an index made afresh. */
  readonly compareEvery: number;
}

/** Pushes the last commits of a repository one after the other, syncing each, and after them a rewritten history: throws when an index is not what a fresh sync makes. */
export async function followHistory(repository: string, { commits, compareEvery }: Course): Promise<readonly SyncReport[]> {
  await using home = await temporaryFolder();
  const served = new ServedRepository(join(home.path, 'served'));
  served.git(['fetch', '--quiet', resolve(repository), 'HEAD:refs/heads/source']);
  const line = served.git(['rev-list', '--first-parent', '--reverse', `--max-count=${commits}`, 'source']).split('\n');
  await using git = await startGitServer(home.path);
  const sync = syncer(home.path, { url: git.localUrl('served'), caFile: git.caFile });
  const reports: SyncReport[] = [];
  let last: Generation | undefined;
  // The oldest again at the end: to the clone that is a force-push.
  for (const [at, commit] of [...line, line[0] ?? ''].entries()) {
    served.git(['update-ref', 'refs/heads/main', commit]);
    last = await sync(last);
    reports.push(last.report);
    if (at % compareEvery === 0 || at >= line.length - 1) hold(last, await sync(undefined), commit);
  }
  return reports;
}

function hold(grown: Generation, fresh: Generation, commit: string): void {
  const [one, other] = [indexContents(grown.folder), indexContents(fresh.folder)];
  for (const part of Object.keys(other) as (keyof typeof other)[]) {
    if (!isDeepStrictEqual(one[part], other[part])) throw new Error(`at ${commit} the ${part} differ from those of a fresh sync`);
  }
}

function syncer(home: string, { url, caFile }: { readonly url: string; readonly caFile: string }) {
  const opener = createSourceOpener({ clock: systemClock, allowSsh: false, allowedPrivateHosts: HOSTS, installation: { caFile } });
  let generation = 0;
  return async (previous: Generation | undefined): Promise<Generation> => {
    const folder = join(home, `generation-${++generation}`);
    await mkdir(folder);
    const task: SyncTask = {
      source: { kind: 'git', url },
      cloneFolder: join(home, 'clone'),
      allowedRoots: [],
      folder,
      generation,
      mode: 'auto',
      budgets: BUDGETS,
      threads: 2,
      allowSsh: false,
      allowedPrivateHosts: HOSTS,
      ...(previous !== undefined && {
        previous: { folder: previous.folder, treeId: previous.report.treeId, generation: previous.report.generation },
      }),
    };
    const report = await syncRepository(task, { opener, clock: systemClock, signal: new AbortController().signal, event: () => {} });
    return { folder: report.mode === 'unchanged' && previous !== undefined ? previous.folder : folder, report };
  };
}

/** `node test/simulation/real-history.ts --repository DIR --commits 50` */
if (import.meta.main) {
  const { values } = parseArgs({ options: { repository: { type: 'string', default: '.' }, commits: { type: 'string', default: '50' } } });
  const reports = await followHistory(values.repository, { commits: Number(values.commits), compareEvery: 5 });
  const changed = reports.reduce((sum, { filesAdded, filesChanged, filesRemoved }) => sum + filesAdded + filesChanged + filesRemoved, 0);
  const grown = reports.filter(({ mode }) => mode === 'incremental').length;
  const { filesIndexed = 0 } = reports.at(-2) ?? {};
  process.stdout.write(
    `${reports.length} syncs, ${grown} of changes alone, ${changed} files changed, ${filesIndexed} in the last index: all as made afresh\n`,
  );
}
