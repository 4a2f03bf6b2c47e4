import { aim, type BenchContext, figure, type Row } from './bench.ts';
import { MODELS } from './chat-models.ts';
import { ChatProcess } from './chat-process.ts';
import type { Disturbance } from './noise.ts';
import type { ServerProcess } from './server-process.ts';

const PEOPLE = 50;
const TOKENS_PER_SECOND = 20;
const SEED = 50;
const NAME = 'chat';
/** They begin within this time, so that all are at it when it is measured. */
const START_MS = 1000;
/** Of what they would be told without pauses; less, and there was no such chat. */
const MIN_SHARE = 0.5;

/** 50 users of the stage who talk with a model that takes 10 to 30 seconds, over and over. All hang up at each stop. */
export async function openChatNoise(server: ServerProcess, ctx: BenchContext): Promise<Disturbance> {
  const stage = await ctx.stage();
  const keys = stage.users.slice(-PEOPLE).map(({ key }) => key);
  const chat = await ChatProcess.open({ url: server.url, keys, seed: SEED, pauseMs: [500, 2000] });
  return {
    async start() {
      await chat.record(NAME);
      await chat.talk(PEOPLE, MODELS.talk, START_MS);
    },
    async stop() {
      await chat.stop();
      await chat.record('');
    },
    rows: () => rowsOf(chat),
    [Symbol.asyncDispose]: () => chat[Symbol.asyncDispose](),
  };
}

async function rowsOf(chat: ChatProcess): Promise<Row[]> {
  const { addedFirst, addedToken, seconds, failures } = await chat.collect(NAME);
  const rate = addedToken.count / seconds;
  const share = rate / (PEOPLE * TOKENS_PER_SECOND);
  const failed = [...failures.values()].reduce((sum, count) => sum + count, 0);
  return [
    figure('chat: tokens read', rate, 'tokens/s', `${PEOPLE} people, ${TOKENS_PER_SECOND} tokens/s each while they are answered`),
    aim('chat: share of talking without pauses', share, 'x', `>= ${MIN_SHARE}, else void`, share >= MIN_SHARE),
    figure('chat: added to first token, p95', addedFirst.quantile(0.95), 'ms'),
    aim('chat: answers failed', failed, 'answers', '0', failed === 0, [...failures].map((entry) => entry.join(' ')).join(', ')),
  ];
}
