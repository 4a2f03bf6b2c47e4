import { sleep } from '../../../kernel/abort.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { ERROR_TABLE } from '../../../kernel/errors.ts';
import { createSeededRandom } from '../../../kernel/seeded-random.ts';
import type { Command, Invocation } from '../command.ts';
import { ClosedLoop } from '../load/closed-loop.ts';
import { HttpCaller } from '../load/http-caller.ts';
import type { LoadUser } from '../load/load-user.ts';
import { gatherUsers } from '../load/load-users.ts';
import { DEFAULT_MIX, LOAD_OPERATIONS, parseMix } from '../load/mix.ts';
import { OpenLoop } from '../load/open-loop.ts';
import { Recorder } from '../load/recorder.ts';
import { createTextSource } from '../load/texts.ts';
import { ProgressBar } from '../progress-bar.ts';
import { createRestClient, DEFAULT_TIMEOUT_MS } from '../rest-client.ts';
import type { Terminal } from '../terminal.ts';
import { type GroupPhase, judge, renderPhases, renderVerdict } from './demo-view.ts';
import { startScratchServer } from './scratch-server.ts';

const LIGHT_USERS = 200;
/** Calls the greedy one has in flight: more than a user may run and have waiting together. */
const GREEDY_LINES = 48;
/** How long a refused line of the greedy one rests; without it most of its calls would only be refusals. */
const GREEDY_REST_MS = 20;
const PHASES = 4;
const PHASE_MS = 3500;
const WARM_UP_MS = 1000;
const REDRAW_MS = 250;
/** What everyone has stored before it begins. */
const BATCH = 100;
const LIGHT_BATCHES = 1;
const GREEDY_BATCHES = 100;
const SEED = 1;

/** Rates are lifted: what is shown is fairness, not a rate limit. */
const FLAGS = ['--host', '127.0.0.1', '--rate-limit-memory-per-min', '1000000', '--rate-limit-admin-per-min', '1000000'];

/** Shows in twenty seconds that a greedy user does not slow the others. */
export const demoCommand: Command = {
  words: ['demo'],
  group: 'More',
  summary: 'Watch 200 users and a greedy one on a scratch server, 20 seconds',
  notes: [
    'Starts a server of its own on a scratch folder. 200 users make a call a second each, 70 % retrieve and 30 % store; every other phase',
    'one more user searches and stores as fast as it can over many connections, with its rate limit lifted. Everything is removed afterwards.',
  ],
  flags: () => [],
  needs: ['whoami', 'create_user', 'create_key', 'delete_user'],
  run: runDemo,
};

async function runDemo(invocation: Invocation): Promise<number> {
  const { deps, terminal, isJson } = invocation;
  const { clock } = deps;
  terminal.note(`Starting a server on a scratch folder, with ${LIGHT_USERS} users and a greedy one …`);
  await using server = await startScratchServer(FLAGS, { hooks: deps.hooks, clock, signal: terminal.signal });
  const connection = { url: server.target.url, timeoutMs: DEFAULT_TIMEOUT_MS };
  using caller = new HttpCaller({ ...connection, maxSockets: LIGHT_USERS });
  using greedyCaller = new HttpCaller({ ...connection, maxSockets: GREEDY_LINES });
  const users = await prepare(invocation, server.target, caller);
  const [greedy, ...light] = users;
  if (greedy === undefined) return ERROR_TABLE.internal.exitCode;
  const phases = await runPhases(light, { ...greedy, caller: greedyCaller }, clock, terminal, isJson);
  const verdict = judge(phases);
  if (isJson)
    await terminal.print(JSON.stringify({ ...verdict, phases: phases.map(({ recorder, ...phase }) => ({ ...phase, ...recorder.totals() })) }));
  else
    await terminal.print(`${renderPhases(phases, terminal.palette, terminal.columns)}\n\n${renderVerdict(verdict, LIGHT_USERS, terminal.palette)}`);
  return verdict.held ? 0 : 1;
}

/** Makes the users and gives each something to find. They go with the scratch folder. */
async function prepare(
  { deps, terminal }: Invocation,
  target: { readonly url: string; readonly key: string; readonly isLocal: boolean },
  caller: HttpCaller,
): Promise<readonly LoadUser[]> {
  const { clock, operations, version } = deps;
  using bar = new ProgressBar(terminal, clock);
  const { users } = await gatherUsers({
    client: (key) =>
      createRestClient(
        { ...target, key },
        { operations, clock, signal: terminal.signal, timeoutMs: DEFAULT_TIMEOUT_MS, clientName: `polymnia-demo/${version}` },
      ),
    key: target.key,
    count: LIGHT_USERS + 1,
    caller,
    clock,
    signal: terminal.signal,
    onProgress: (phase, done, total) => bar.show({ phase, done, total, unit: 'users' }),
  });
  const texts = createTextSource(createSeededRandom(SEED));
  let done = 0;
  await Promise.all(
    users.map(async (user, at) => {
      for (let batch = 0; batch < (at === 0 ? GREEDY_BATCHES : LIGHT_BATCHES) && !terminal.signal.aborted; batch++) {
        const body = JSON.stringify({ items: Array.from({ length: BATCH }, () => ({ content: texts.memory() })) });
        await new Promise((resolve) =>
          caller.call({ method: 'POST', path: LOAD_OPERATIONS.store(texts).path + '/batch', body }, user.headers, resolve),
        );
      }
      bar.show({ phase: 'storing what they will look for', done: ++done, total: users.length, unit: 'users' });
    }),
  );
  return users;
}

async function runPhases(
  light: readonly LoadUser[],
  greedy: LoadUser,
  clock: Clock,
  terminal: Terminal,
  isJson: boolean,
): Promise<readonly GroupPhase[]> {
  const random = createSeededRandom(SEED);
  const common = { mix: parseMix(DEFAULT_MIX), texts: createTextSource(random), random, clock };
  const calm = new OpenLoop({ ...common, users: light, callsPerSecondPerUser: 1 }, new Recorder());
  const rush = new ClosedLoop({ ...common, users: [greedy], lines: GREEDY_LINES, restMs: GREEDY_REST_MS }, new Recorder());
  const phases: GroupPhase[] = [];
  const screen = new Screen(terminal, isJson);
  calm.start();
  try {
    await sleep(clock, WARM_UP_MS, terminal.signal);
    for (let phase = 1; phase <= PHASES; phase++) {
      const isBeside = phase % 2 === 0;
      const group = { phase, isBeside, seconds: 0 };
      const running: GroupPhase[] = [
        { ...group, isLight: true, group: isBeside ? `${light.length} users` : `${light.length} users alone`, recorder: new Recorder() },
      ];
      if (isBeside) running.push({ ...group, isLight: false, group: 'the greedy one', recorder: new Recorder() });
      phases.push(...running);
      calm.recorder = running[0]?.recorder ?? new Recorder();
      if (isBeside) {
        rush.recorder = running[1]?.recorder ?? new Recorder();
        rush.start();
      }
      await watch(running, phases, clock, terminal, screen);
      // What falls due while the greedy one's last calls end belongs to no phase.
      calm.recorder = new Recorder();
      if (isBeside) await rush.stop();
    }
  } finally {
    await Promise.all([calm.stop(), rush.stop()]);
    screen.clear();
  }
  return phases;
}

async function watch(running: readonly GroupPhase[], phases: readonly GroupPhase[], clock: Clock, terminal: Terminal, screen: Screen): Promise<void> {
  const startedAt = clock.monotonic();
  for (let elapsed = 0; elapsed < PHASE_MS; elapsed = clock.monotonic() - startedAt) {
    await sleep(clock, Math.min(REDRAW_MS, PHASE_MS - elapsed), terminal.signal);
    for (const group of running) group.seconds = (clock.monotonic() - startedAt) / 1000;
    screen.draw(phases);
  }
  screen.endPhase(running);
}

/** The live table: drawn over itself on a terminal, else the rows of each phase when it is over. */
class Screen {
  readonly #terminal: Terminal;
  readonly #isQuiet: boolean;
  #lines = 0;

  constructor(terminal: Terminal, isQuiet: boolean) {
    this.#terminal = terminal;
    this.#isQuiet = isQuiet;
  }

  draw(phases: readonly GroupPhase[]): void {
    if (this.#isQuiet || !this.#terminal.isErrorTty) return;
    const text = renderPhases(phases, this.#terminal.errorPalette, this.#terminal.columns);
    this.clear();
    this.#terminal.draw(`${text}\n`);
    this.#lines = text.split('\n').length;
  }

  endPhase(running: readonly GroupPhase[]): void {
    if (this.#isQuiet || this.#terminal.isErrorTty) return;
    const rows = renderPhases(running, this.#terminal.errorPalette, this.#terminal.columns).split('\n');
    for (const row of rows.slice(1)) this.#terminal.note(`phase ${row}`);
  }

  clear(): void {
    if (this.#lines > 0) this.#terminal.draw(`\u001b[${this.#lines}A\u001b[J`);
    this.#lines = 0;
  }
}
