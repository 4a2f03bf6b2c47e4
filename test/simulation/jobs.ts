import { parseArgs } from 'node:util';
import { JobChaos } from './job-chaos.ts';
import { newcomer, proportional, proportionalByGroup } from './job-fairness.ts';
import { JobLine } from './job-line.ts';

/** Chaos runs for every seed, the courses of fairness, which are longer, for every tenth. */
const FAIRNESS_EVERY = 10;

/**
 * The job store's own SQL over a file in memory, under users, workers, crashes and clocks drawn from seeds. Throws at the first
 * seed at which something that must hold does not, naming it.
 */
export function simulateJobs(seeds: number, firstSeed = 1): void {
  using line = new JobLine();
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    course(line, seed, 'chaos', () => new JobChaos(line, seed).run());
    if (seed % FAIRNESS_EVERY !== 0) continue;
    course(line, seed, 'shares', () => proportional(line, seed / FAIRNESS_EVERY));
    course(line, seed, 'shares of groups', () => proportionalByGroup(line, seed / FAIRNESS_EVERY));
    course(line, seed, 'newcomer', () => newcomer(line, seed / FAIRNESS_EVERY));
  }
}

function course(line: JobLine, seed: number, name: string, run: () => void): void {
  line.begin();
  try {
    run();
  } catch (error) {
    throw new Error(`seed ${seed}, ${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    line.end();
  }
}

/** `node test/simulation/jobs.ts --seeds 10000 --from 1` */
if (import.meta.main) {
  const { values } = parseArgs({ options: { seeds: { type: 'string', default: '10000' }, from: { type: 'string', default: '1' } } });
  const began = performance.now();
  simulateJobs(Number(values.seeds), Number(values.from));
  process.stdout.write(`${values.seeds} seeds from ${values.from}: all held, ${Math.round((performance.now() - began) / 1000)} s\n`);
}
