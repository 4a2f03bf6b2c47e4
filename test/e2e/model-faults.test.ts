import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createPinoLogger } from '../../src/app/pino-logger.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { ERROR_TABLE, type ErrorCode } from '../../src/kernel/errors.ts';
import { expectNoLeaks, type Resources, resourcesNow } from '../support/leaks.ts';
import { HALF, MODEL_FAULTS, type ModelFault, PROVIDER_WORDS } from '../support/model-faults.ts';
import { END_CHUNKS, type ModelBehaviour, type ModelServer, openModelServer, sendEvents, textChunk } from '../support/model-server.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';

const PROVIDER_KEY = 'sk-of-the-provider';
const QUESTION = 'Is the moon landing in my garden?';

/** Those whose address is the fault. */
const UNREACHABLE: readonly ModelFault[] = [
  { name: 'nobody-there', code: 'upstream_failed', behave: () => {} },
  { name: 'no-tls', code: 'upstream_failed', behave: () => {} },
];
const FAULTS = [...MODEL_FAULTS, ...UNREACHABLE];
const BEHAVIOURS: ReadonlyMap<unknown, ModelBehaviour> = new Map(MODEL_FAULTS.map(({ name, behave }) => [name, behave]));

const TIMES = { CHAT_FIRST_TOKEN_TIMEOUT: 800, CHAT_TOKEN_TIMEOUT: 800, CHAT_OP_TIMEOUT: 2500 };
const TIME_OUTS: ReadonlySet<number> = new Set(Object.values(TIMES));
const TURN_MS = 40;

/** Pauses between attempts, which alone have random fractions, pass at once. */
const clock: Clock = {
  ...systemClock,
  after(ms, run) {
    if (TIME_OUTS.has(ms)) return afterTurns(ms / TURN_MS, run);
    return systemClock.after(Number.isInteger(ms) || ms < 500 || ms > 2000 ? ms : ms / 100, run);
  },
};

/** A time-out by turns of the loop, so that a machine that is busy with something else stretches it with all the rest. */
function afterTurns(turns: number, run: () => void): () => void {
  let cancel = systemClock.after(TURN_MS, turns > 1 ? () => void (cancel = afterTurns(turns - 1, run)) : run);
  return () => cancel();
}

let before: Resources;
let model: ModelServer;
let held: Socket;
let town: Town;
let alice: Citizen;
let bob: Citizen;
let logged = '';
/** The steady model talks, beside each fault, until the fault is over: its answer spans the fault. Not for ever, since it has its own limit. */
const MAX_WORDS = 60;
/** Faults that everybody has been told of. */
const over = new Set<string>();

beforeAll(async () => {
  before = resourcesNow();
  model = await openModelServer((response, call) => (BEHAVIOURS.get(call.body['model']) ?? talkSteadily)(response, call));
  // A port that nobody listens on, and that nobody can take.
  held = connect(Number(new URL(model.url).port), '127.0.0.1');
  await once(held, 'connect');
  town = await openTown({
    sockets: true,
    settings: {
      OPENAI_BASE_URL: `${model.url}/v1`,
      OPENAI_MODELS: ['steady', ...BEHAVIOURS.keys().map(String)],
      OPENAI_API_KEY: PROVIDER_KEY,
      CHAT_MODEL_URL: `http://127.0.0.1:${held.localPort}/v1`,
      CHAT_MODEL: ['nobody-there'],
      CHAT_MODEL_API_KEY: PROVIDER_KEY,
      ANTHROPIC_BASE_URL: model.url.replace('http:', 'https:'),
      ANTHROPIC_MODELS: ['no-tls'],
      ANTHROPIC_API_KEY: PROVIDER_KEY,
      ...TIMES,
    },
    overrides: { clock },
    logger: createPinoLogger('debug', { write: (line) => void (logged += line) }),
  });
  const wish = { scopes: ['chat'] } as const;
  [alice, bob] = [await town.citizen('alice', wish), await town.citizen('bob', wish)];
});

afterAll(async () => {
  held.destroy();
  await model[Symbol.asyncDispose]();
  await expectNoLeaks(town.server, before);
  await town[Symbol.asyncDispose]();
});

const talkSteadily: ModelBehaviour = (response, { body }) => {
  // What is recalled may stand before the question.
  const beside = /[\w-]+$/.exec((body['messages'] as { content: string }[]).at(-1)?.content ?? '')?.[0] ?? '';
  let words = 0;
  const timer = setInterval(() => {
    sendEvents(response, textChunk(`${beside}-${words++} `));
    if (words < MAX_WORDS && !over.has(beside)) return;
    clearInterval(timer);
    sendEvents(response, textChunk(`${words} words`), ...END_CHUNKS);
    response.end();
  }, 20);
  response.on('close', () => clearInterval(timer));
};

function ask(citizen: Citizen, name: string, content: string, stream: boolean): Promise<Response> {
  return town.send('/v1/chat/completions', {
    method: 'POST',
    headers: { authorization: `Bearer ${citizen.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: name, messages: [{ role: 'user', content }], stream }),
  });
}

interface Told {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: string;
}

async function told(response: Promise<Response>): Promise<Told> {
  const { status, headers } = await response;
  return { status, retryAfter: headers.get('retry-after'), body: await (await response).text() };
}

/** Data of the events, the text they bring together, and the end. */
function eventsOf(body: string): { readonly text: string; readonly last: string } {
  const data = body
    .split('\n\n')
    .filter((event) => event.startsWith('data: '))
    .map((event) => event.slice('data: '.length));
  const chunks = data.filter((each) => each !== '[DONE]').map((each) => JSON.parse(each) as { choices?: { delta?: { content?: string } }[] });
  return { text: chunks.map(({ choices }) => choices?.[0]?.delta?.content ?? '').join(''), last: data.at(-1) ?? '' };
}

function errorOf(code: ErrorCode): unknown {
  const type = ERROR_TABLE[code].status < 500 ? 'invalid_request_error' : 'server_error';
  return { error: { message: expect.stringMatching(/^[A-Z][^]{20,200}\.$/) as string, type, param: null, code } };
}

function expectRefusal({ status, retryAfter, body }: Told, { code, retryAfterS }: ModelFault): void {
  expect(JSON.parse(body)).toEqual(errorOf(code));
  expect(status).toBe(ERROR_TABLE[code].status);
  expect(retryAfter).toBe(retryAfterS === undefined ? null : String(retryAfterS));
}

/** Asks for trouble, whole and streamed, while another user listens to another model. */
async function meet(fault: ModelFault): Promise<{ readonly plain: Told; readonly streamed: Told; readonly steady: string }> {
  const beside = await ask(bob, 'steady', fault.name, true);
  const steady = beside.text();
  const [plain, streamed] = await Promise.all([told(ask(alice, fault.name, QUESTION, false)), told(ask(alice, fault.name, QUESTION, true))]);
  over.add(fault.name);
  return { plain, streamed, steady: await steady };
}

it.concurrent.each(FAULTS)('[chat-model-fault] $name is a typed error to who asked, and nothing to who asks another model', async (fault) => {
  const { plain, streamed, steady } = await meet(fault);
  expectRefusal(plain, fault);
  if (fault.hasBegun === true) {
    const { text, last } = eventsOf(streamed.body);
    expect(streamed.status).toBe(200);
    expect(text.startsWith(HALF)).toBe(true);
    expect(JSON.parse(last)).toEqual(errorOf(fault.code));
  } else expectRefusal(streamed, fault);
  for (const body of [plain.body, streamed.body]) for (const secret of [PROVIDER_KEY, 'walrus']) expect(body).not.toContain(secret);

  const { text, last } = eventsOf(steady);
  const words = Number(/(\d+) words$/.exec(text)?.[1]);
  expect(text).toBe([...Array.from({ length: words }, (_, at) => `${fault.name}-${at} `), `${words} words`].join(''));
  expect(last).toBe('[DONE]');
});

it('[chat-model-fault] no redirect was followed, and no log line holds a key, a question or what a provider said', () => {
  expect(FAULTS.length).toBeGreaterThan(15);
  expect(new Set(model.calls.map(({ path }) => path))).toEqual(new Set(['/v1/chat/completions']));
  expect(logged).toContain('"outcome":"upstream_failed"');
  for (const secret of [PROVIDER_KEY, PROVIDER_WORDS, 'walrus', QUESTION]) expect(logged).not.toContain(secret);
});

it('[chat-model-fault] the figures of an operator tell the faults by model', async () => {
  const metrics = await (await town.send('/metrics', { headers: { authorization: `Bearer ${town.admin.key}` } })).text();
  for (const { name, code } of FAULTS) {
    expect(metrics).toContain(`polymnia_model_calls_total{model="${name}",outcome="${code}"} 2\n`);
    expect(metrics).toContain(`polymnia_model_in_flight{model="${name}"} 0\n`);
  }
  expect(metrics).toContain(`polymnia_model_first_token_seconds_count{model="steady"} ${FAULTS.length}\n`);
});
