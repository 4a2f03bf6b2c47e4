import { orAbort, sleep, startDeadline } from '../../../kernel/abort.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { ERROR_TABLE } from '../../../kernel/errors.ts';
import { createSeededRandom } from '../../../kernel/seeded-random.ts';
import { textFlag, usageError } from '../arguments.ts';
import type { Command, Flag, FlagValues, Invocation } from '../command.ts';
import { ProgressBar } from '../progress-bar.ts';
import { createRestClient, DEFAULT_TIMEOUT_MS } from '../rest-client.ts';
import { HttpCaller } from './http-caller.ts';
import { createReport, formatMs, isPunctual, renderReport } from './load-report.ts';
import { gatherUsers, type LoadParty } from './load-users.ts';
import { DEFAULT_MIX, LOAD_OPERATION_NAMES, type Mix, parseMix } from './mix.ts';
import { OpenLoop } from './open-loop.ts';
import { Recorder } from './recorder.ts';
import { createTextSource } from './texts.ts';

const FLAGS: readonly Flag[] = [
  { name: 'users', type: 'string', placeholder: 'N', description: 'Users who call. Default 100.' },
  { name: 'spawn-rate', type: 'string', placeholder: 'N', description: 'Users that begin in each second. Default 10.' },
  { name: 'seconds', type: 'string', placeholder: 'N', description: 'How long, once users have been made. Default 60.' },
  { name: 'rate', type: 'string', placeholder: 'N', description: 'Calls a second of each user. Default 1.' },
  {
    name: 'mix',
    type: 'string',
    placeholder: 'MIX',
    description: `What they call, with weights, of ${LOAD_OPERATION_NAMES.join(', ')}. Default ${DEFAULT_MIX}.`,
  },
  { name: 'connections', type: 'string', placeholder: 'N', description: 'Connections at most, shared by the users. Default 256.' },
  { name: 'seed', type: 'string', placeholder: 'N', description: 'The same seed gives the same calls at the same times. Default 1.' },
];

/** What one load is asked to do. */
interface LoadPlan {
  readonly users: number;
  readonly spawnRate: number;
  readonly seconds: number;
  readonly rate: number;
  readonly mix: Mix;
  readonly connections: number;
  readonly seed: number;
}

/** Puts a measured load on any running Polymnia. */
export const loadCommand: Command = {
  words: ['load'],
  group: 'More',
  summary: 'Put a measured load on a server and print what it answers',
  usage: '[--users N] [--seconds N]',
  notes: [
    'Calls fall due at random moments whatever the server does; latency counts from when a call was due.',
    "With an administrator's key, temporary users are made and deleted afterwards. With a service's key (scope on_behalf) the users are",
    'load-1, load-2 …, and what they stored is forgotten afterwards. Any other key is one user, whose rate limit refuses most of a large load.',
  ],
  flags: () => FLAGS,
  needs: ['whoami', 'create_user', 'create_key', 'delete_user'],
  run: runLoad,
};

async function runLoad(invocation: Invocation): Promise<number> {
  const plan = planOf(invocation.values);
  const { deps, terminal } = invocation;
  const { target } = await invocation.client();
  using caller = new HttpCaller({ url: target.url, maxSockets: plan.connections, timeoutMs: DEFAULT_TIMEOUT_MS });
  using bar = new ProgressBar(terminal, deps.clock);
  // Users are removed after an interrupt too, so these calls are ended by their own time-out alone.
  const own = new AbortController();
  const clientDeps = {
    operations: deps.operations,
    clock: deps.clock,
    signal: own.signal,
    timeoutMs: DEFAULT_TIMEOUT_MS,
    clientName: `polymnia-load/${deps.version}`,
  };
  await using party = await gatherUsers({
    client: (key) => createRestClient({ ...target, key }, clientDeps),
    key: target.key,
    count: plan.users,
    caller,
    clock: deps.clock,
    signal: terminal.signal,
    onProgress: (phase, done, total) => bar.show({ phase, done, total, unit: 'users' }),
  });
  const { recorder, seconds } = await measure(plan, party, invocation, bar);
  const report = createReport(recorder, seconds, party.note);
  bar[Symbol.dispose]();
  if (!terminal.isBroken)
    terminal.stdout.write(invocation.isJson ? `${JSON.stringify(report)}\n` : `${renderReport(report, terminal.palette, terminal.columns)}\n`);
  if (terminal.signal.aborted) return ERROR_TABLE.cancelled.exitCode;
  return isPunctual(recorder) && recorder.totals().failed === 0 ? 0 : 1;
}

async function measure(
  plan: LoadPlan,
  party: LoadParty,
  { deps, terminal }: Invocation,
  bar: ProgressBar,
): Promise<{ recorder: Recorder; seconds: number }> {
  const { clock } = deps;
  const random = createSeededRandom(plan.seed);
  const recorder = new Recorder();
  const { users } = party;
  const loop = new OpenLoop(
    { users, callsPerSecondPerUser: plan.rate, spawnPerSecond: plan.spawnRate, mix: plan.mix, texts: createTextSource(random), random, clock },
    recorder,
  );
  const startedAt = clock.monotonic();
  loop.start();
  try {
    await watch(plan, recorder, clock, terminal.signal, bar);
  } catch (error) {
    // An interrupt ends the load early; what was measured until then is still worth its report.
    if (!terminal.signal.aborted) throw error;
  }
  const seconds = (clock.monotonic() - startedAt) / 1000;
  const isCut = terminal.signal.aborted;
  using deadline = startDeadline(clock, isCut ? INTERRUPT_GRACE_MS : DEFAULT_TIMEOUT_MS, 'the end of a load', isCut ? undefined : terminal.signal);
  // Calls that are still unanswered then stay out of the report.
  await orAbort(loop.stop(), deadline.signal).catch(() => {});
  return { recorder, seconds };
}

const INTERRUPT_GRACE_MS = 1000;

/** Shows every second how things stand, until the time is over. Rejects with the abort's error. */
async function watch(plan: LoadPlan, recorder: Recorder, clock: Clock, signal: AbortSignal, bar: ProgressBar): Promise<void> {
  const endAt = clock.monotonic() + plan.seconds * 1000;
  for (let left = plan.seconds * 1000; left > 0; left = endAt - clock.monotonic()) {
    await sleep(clock, Math.min(1000, left), signal);
    const { ok, refused, failed } = recorder.totals();
    const p95 = formatMs(recorder.latency().quantile(0.95));
    const done = Math.min(plan.seconds, Math.round(plan.seconds - (endAt - clock.monotonic()) / 1000));
    bar.show({ phase: `${ok} answered, ${refused} refused, ${failed} failed, p95 ${p95} ms`, done, total: plan.seconds, unit: 's' });
  }
}

function planOf(values: FlagValues): LoadPlan {
  const whole = { whole: true };
  return {
    users: numberFlag(values, 'users', 100, { min: 1, max: 10_000, ...whole }),
    spawnRate: numberFlag(values, 'spawn-rate', 10, { min: 0.1, max: 100_000 }),
    seconds: numberFlag(values, 'seconds', 60, { min: 0.1, max: 86_400 }),
    rate: numberFlag(values, 'rate', 1, { min: 0.001, max: 10_000 }),
    mix: parseMix(textFlag(values, 'mix') ?? DEFAULT_MIX),
    connections: numberFlag(values, 'connections', 256, { min: 1, max: 10_000, ...whole }),
    seed: numberFlag(values, 'seed', 1, { min: 0, max: 2 ** 32 - 1, ...whole }),
  };
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly whole?: boolean;
}

function numberFlag(values: FlagValues, name: string, fallback: number, { min, max, whole = false }: Bounds): number {
  const text = textFlag(values, name);
  if (text === undefined) return fallback;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
  throw usageError(`--${name} must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}.`, loadCommand);
}
