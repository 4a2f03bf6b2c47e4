import { aim, type Bench, figure, type Row } from './support/bench.ts';
import { copyCorpus } from './support/code-corpus.ts';
import { beginJob, endOfJob } from './support/jobs.ts';
import { childCpuMsOf, median } from './support/machine.ts';
import { NO_RATES, rest } from './support/rest.ts';
import { type ServerProcess, startServerProcess } from './support/server-process.ts';

/** About the size of Django, for which the aim is set. */
const CORPUS_BYTES = 23_000_000;
const QUICK_BYTES = 4_000_000;
const RUNS = 3;
const MAX_ANALYSIS_MS = 5000;

interface Synced {
  readonly repository: { readonly id: string };
  readonly filesIndexed: number;
  readonly sourceBytes: number;
}

interface Analysis {
  readonly phases: Readonly<Record<string, { readonly seconds: number; readonly complete: boolean }>>;
}

/** `batch_analyze` of one synced repository through the running server, at the low priority it has by default. */
export const codeAnalysis: Bench = {
  name: 'code-analysis',
  async run(ctx) {
    await using corpus = await copyCorpus(ctx.corpus, ctx.isQuick ? QUICK_BYTES : CORPUS_BYTES);
    await using server = await startServerProcess({ ...NO_RATES, MAX_STORAGE_MB: '100000' }, { main: ctx.main });
    const synced = await jobResult<Synced>(server, '/repositories', { source: corpus.source, name: 'corpus' });
    const { id } = synced.repository;
    const [times, cpu]: [number[], number[]] = [[], []];
    for (let run = 0; run < (ctx.isQuick ? 1 : RUNS); run += 1) {
      const [startedAt, cpuBefore] = [performance.now(), childCpuMsOf(server.pid)];
      await jobResult(server, `/repositories/${id}/analyses`, {});
      times.push(performance.now() - startedAt);
      cpu.push(childCpuMsOf(server.pid) - cpuBefore);
    }
    const analysis = await rest<Analysis>(server, server.key, 'GET', `/repositories/${id}/analysis`);
    return [...speeds(synced, times, cpu), ...phaseRows(analysis), figure('result', JSON.stringify(analysis).length / 1000, 'KB', 'as JSON')];
  },
};

async function jobResult<T>(server: ServerProcess, path: string, body: object): Promise<T> {
  const { job, result } = await endOfJob(server, server.key, await beginJob(server, server.key, path, body));
  if (job.state !== 'succeeded') throw new Error(`${path} ended as ${job.state}`);
  return result as T;
}

function speeds({ filesIndexed, sourceBytes }: Synced, times: readonly number[], cpu: readonly number[]): Row[] {
  const ms = median(times);
  const note = `median of ${times.length}; ${filesIndexed} files, ${(sourceBytes / 1e6).toFixed(1)} MB; the aim is for Django's 23 MB on two quiet cores`;
  return [
    aim('analysis', ms, 'ms', `<= ${MAX_ANALYSIS_MS}`, ms <= MAX_ANALYSIS_MS, note),
    figure('analysis, CPU', median(cpu), 'ms', 'with starting the process'),
  ];
}

function phaseRows({ phases }: Analysis): Row[] {
  return Object.entries(phases).map(([phase, { seconds, complete }]) =>
    figure(`phase ${phase}, CPU`, seconds, 's', complete ? '' : 'cut by its budget'),
  );
}
