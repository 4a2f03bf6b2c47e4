import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCommand } from '../support/cli.ts';
import { smallSources } from '../support/sources.ts';
import { canary, type Citizen, openTown, type Town } from '../support/town.ts';

let town: Town;
let ann: Citizen;
let word: string;
let source: string;

beforeAll(async () => {
  word = canary();
  town = await openTown({ sockets: true });
  ann = await town.citizen('ann');
  source = await town.sources(smallSources(word));
});
afterAll(() => town[Symbol.asyncDispose]());

const run = (...argv: string[]) => runCommand({ url: town.server.url, key: ann.key }, argv);

it('indexes a folder and says what it did, then that nothing has changed', async () => {
  const synced = await run('repo', 'sync', source, 'harbour');
  expect(synced.stderr).toBe('');
  expect(synced.stdout).toMatch(/^Synced {2}3 files of 4 seen, full/);
  expect(synced.stdout).toContain('skipped: binary 1');
  expect((await run('repo', 'sync', source, 'harbour')).stdout).toContain('unchanged');
  expect((await run('repo', 'list')).stdout).toMatch(/harbour +ready +3/);
});

it('finds code by words and by expression, names by definition, and shows lines with their numbers', async () => {
  const found = await run('code', 'search', `dock_${word}`, '-n', '1');
  expect(found.stdout).toContain('src/harbour.py');
  expect(found.stdout).toMatch(/ 4 {2}def dock_/);
  expect((await run('code', 'search', '/blink_[a-z0-9]+\\(/', '--json')).stdout).toContain('src/lighthouse.ts');
  const symbol = await run('code', 'symbol', 'Pier');
  expect(symbol.stdout).toContain('src/harbour.py:10');
  const read = await run('code', 'read', 'harbour', 'src/harbour.py', '--from', '10', '--to', '11');
  expect(read.stdout).toContain('10  class Pier:');
  expect(read.stdout).not.toContain('def dock_');
});

it('analyses a repository, says its totals and, from the second time on, what changed, and shows the page', async () => {
  const first = (await run('repo', 'analyze', 'harbour')).stdout;
  expect(first).toMatch(/^Analysed {2}files 3, .*symbols \d/);
  expect(first).not.toContain('since the analysis before');
  expect((await run('repo', 'analyze', 'harbour')).stdout).toContain('complex places 0 new or worse, 0 better or gone');
  const page = (await run('repo', 'analysis', 'harbour')).stdout;
  expect(page).toContain('# Analysis of harbour');
  expect(page).not.toContain('## Edges');
  expect((await run('repo', 'analysis', 'harbour', '--edges')).stdout).toContain('## Edges');
});

it('lists jobs, shows one, and follows one to its end', async () => {
  const jobs = JSON.parse((await run('jobs', '--json')).stdout) as { jobs: { id: string; operation: string }[] };
  const id = jobs.jobs.find(({ operation }) => operation === 'sync_repository')?.id ?? '';
  expect((await run('jobs')).stdout).toContain(id);
  expect((await run('jobs', 'show', id)).stdout).toContain('succeeded');
  expect((await run('jobs', 'watch', id)).stdout).toContain('succeeded');
  expect(await run('jobs', 'watch', 'job_00000000000000000000000000')).toMatchObject({ exitCode: 6 });
});

it('says how to go on when a name or a folder is wrong', async () => {
  const unknown = await run('repo', 'show', 'nowhere');
  expect(unknown.exitCode).toBe(6);
  expect(unknown.stderr).toContain('polymnia repo list');
  const refused = await run('repo', 'sync', '/etc', 'machine');
  expect(refused.exitCode).toBe(4);
  expect(refused.stderr).toContain('polymnia root add /etc');
});

it('removes a repository only when that is said twice', async () => {
  const asked = await run('repo', 'remove', 'harbour');
  expect(asked.exitCode).toBe(2);
  expect((await run('repo', 'list')).stdout).toContain('harbour');
  await run('repo', 'remove', 'harbour', '--yes');
  expect((await run('repo', 'list')).stdout).toContain('No repositories.');
});
