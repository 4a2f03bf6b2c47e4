import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { createSeededRandom } from '../src/kernel/seeded-random.ts';
import { createTextSource, type TextSource } from '../src/surfaces/cli/load/texts.ts';
import { aim, type Bench, figure, pause } from './support/bench.ts';
import { LoadProcess } from './support/load-process.ts';
import { median } from './support/machine.ts';
import { newUser, NO_RATES } from './support/rest.ts';
import { startServerProcess } from './support/server-process.ts';

const USERS = 64;
const LINES = 64;
const ROUNDS = 4;
const MIN_SHARE = 0.4;

/** Stores a second through HTTP against rows a second straight into as many files, every one on disk before it is counted. */
export const durable: Bench = {
  name: 'durable',
  async run(ctx) {
    await using server = await startServerProcess(NO_RATES, { main: ctx.main });
    await using raw = await openRaw(USERS);
    const keys: string[] = [];
    for (let user = 0; user < USERS; user++) keys.push((await newUser(server, `writer ${user}`)).key);
    const plan = { url: server.url, keys, mix: 'store=1', seed: 3, maxSockets: LINES, pace: { lines: LINES, restMs: 0 } };
    await using load = await LoadProcess.open(plan);
    const ms = ctx.isQuick ? 2000 : 8000;
    const rawRates: number[] = [];
    await load.start();
    await pause(1500);
    for (let round = 0; round < (ctx.isQuick ? 2 : ROUNDS); round++) {
      await load.phase(`round ${round}`, ms);
      await load.stop();
      rawRates.push(raw.rate(ms / 2));
      await load.start();
      await pause(500);
    }
    await load.stop();
    const phases = [...(await load.collect()).values()];
    const failed = phases.reduce((sum, { recorder }) => sum + recorder.totals().failed + recorder.totals().refused, 0);
    const http = median(phases.map(({ recorder, seconds }) => recorder.totals().ok / seconds));
    const share = http / median(rawRates);
    return [
      figure(
        'stores through HTTP',
        http,
        'stores/s',
        `${USERS} users, ${LINES} calls in flight, each indexed for search and on disk before its answer`,
      ),
      figure(
        'rows straight into node:sqlite',
        median(rawRates),
        'rows/s',
        `one thread, ${USERS} files in turn, WAL, synchronous=FULL, a commit a row, no index`,
      ),
      aim('share', share, 'x', `>= ${MIN_SHARE}`, share >= MIN_SHARE),
      aim('stores refused and failed', failed, 'calls', '0', failed === 0),
    ];
  },
};

interface RawFiles extends AsyncDisposable {
  /** Rows a second, one commit each, over `ms`. */
  rate(ms: number): number;
}

async function openRaw(files: number): Promise<RawFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'polymnia-raw-'));
  const databases = Array.from({ length: files }, (_, at) => openFile(join(folder, `${at}.db`)));
  const texts: TextSource = createTextSource(createSeededRandom(4));
  return {
    rate(ms) {
      const startedAt = performance.now();
      let rows = 0;
      for (; performance.now() - startedAt < ms; rows++) databases[rows % files]?.insert.run(texts.memory(), Date.now());
      return rows / ((performance.now() - startedAt) / 1000);
    },
    async [Symbol.asyncDispose]() {
      for (const { database } of databases) database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function openFile(path: string): { readonly database: DatabaseSync; readonly insert: StatementSync } {
  const database = new DatabaseSync(path);
  database.exec('pragma journal_mode = wal; pragma synchronous = full; create table memories (id integer primary key, content text, at integer)');
  return { database, insert: database.prepare('insert into memories (content, at) values (?, ?)') };
}
