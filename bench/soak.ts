import { aim, type Bench, figure, pause } from './support/bench.ts';
import { LoadProcess } from './support/load-process.ts';
import { rssMbOf } from './support/machine.ts';
import { isPunctual } from '../src/surfaces/cli/load/load-report.ts';
import { scrape } from './support/rest.ts';

const SAMPLES = 120;
/** The part at the beginning in which caches and open files fill. */
const WARM_UP_SHARE = 0.3;
/** Growth over the rest, as a share of what was there. */
const MAX_GROWTH = 0.05;

interface Sample {
  readonly minute: number;
  readonly rss: number;
  readonly heap: number;
}

/** All users of the stage calling for minutes: memory stays flat, nothing fails. */
export const soak: Bench = {
  name: 'soak',
  async run(ctx) {
    const stage = await ctx.stage();
    await using server = await stage.serve();
    const keys = stage.users.map(({ key }) => key);
    const plan = {
      url: server.url,
      keys,
      mix: 'retrieve=65,store=30,search=5',
      seed: 21,
      maxSockets: keys.length,
      pace: { callsPerSecondPerUser: 1 },
    };
    await using load = await LoadProcess.open(plan);
    await load.record('soak');
    await load.start();
    const samples: Sample[] = [];
    const startedAt = performance.now();
    for (let sample = 1; sample <= SAMPLES; sample++) {
      await pause(Math.max(1, startedAt + (ctx.soakMinutes * 60_000 * sample) / SAMPLES - performance.now()));
      const metrics = await scrape(server);
      const heap = (metrics.get('polymnia_heap_bytes') ?? Number.NaN) / 2 ** 20;
      samples.push({ minute: (performance.now() - startedAt) / 60_000, rss: rssMbOf(server.pid), heap });
    }
    await load.stop();
    const recorder = (await load.collect()).get('soak')?.recorder;
    if (recorder === undefined) return [];
    const { ok, refused, failed } = recorder.totals();
    const steady = samples.slice(Math.floor(SAMPLES * WARM_UP_SHARE));
    const rss = trend(steady.map(({ minute, rss: mb }) => [minute, mb] as const));
    const heap = trend(steady.map(({ minute, heap: mb }) => [minute, mb] as const));
    const lasted = `${ctx.soakMinutes} min, ${keys.length} users, ${ok} calls`;
    return [
      figure('resident memory at the end', samples.at(-1)?.rss ?? Number.NaN, 'MB', lasted),
      figure('resident memory, slope', rss.perMinute, 'MB/min', `after the first ${WARM_UP_SHARE * 100} %`),
      aim('resident memory, growth', rss.growth * 100, '%', `<= ${MAX_GROWTH * 100} %`, rss.growth <= MAX_GROWTH),
      figure('heap in use, slope', heap.perMinute, 'MB/min'),
      aim(
        'refused and failed',
        refused + failed,
        'calls',
        '0',
        refused + failed === 0,
        [...recorder.outcomes()].map((entry) => entry.join(' ')).join(', '),
      ),
      figure('p95', recorder.latency().quantile(0.95), 'ms', isPunctual(recorder) ? 'generator punctual' : 'void: the generator was late'),
    ];
  },
};

/** A straight line through points of (minute, MB), by least squares: its slope, and its rise over the whole as a share of its beginning. */
export function trend(points: readonly (readonly [x: number, y: number])[]): { readonly perMinute: number; readonly growth: number } {
  const mean = (of: 0 | 1): number => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const spread = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  const perMinute = spread === 0 ? 0 : points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / spread;
  const [first = 0, last = 0] = [points[0]?.[0], points.at(-1)?.[0]];
  return { perMinute, growth: (perMinute * (last - first)) / (y + perMinute * (first - x)) };
}
