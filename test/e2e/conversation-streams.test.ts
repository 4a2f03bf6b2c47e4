import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatRecordId, parseRecordId } from '../../src/kernel/ids.ts';
import { createSeededRandom } from '../../src/kernel/seeded-random.ts';
import {
  echo,
  echoing,
  HeldModel,
  post,
  promptOf,
  questionOf,
  readEvents,
  said,
  textOf,
  toolCallChunk,
  type TurnEvent,
  windowOf,
} from '../support/chat-kit.ts';
import { eventually, expectIdle, expectNoLeaks, type Resources, resourcesNow } from '../support/leaks.ts';
import { END_CHUNKS, type ModelServer, openModelServer, sendEvents, speak, textChunk } from '../support/model-server.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';
import { credentials } from '../support/wire.ts';

const EVENTS = { headers: { accept: 'text/event-stream' } };

let before: Resources;
let model: ModelServer;
let town: Town;
let ann: Citizen;

beforeAll(async () => {
  before = resourcesNow();
  model = await openModelServer(echoing);
  town = await openTown({ sockets: true, settings: { CHAT_MODEL_URL: `${model.url}/v1`, CHAT_MODEL: ['tiny'], CHAT_RECALL_TIMEOUT: 20_000 } });
  ann = await town.citizen('ann');
});

afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await expectNoLeaks(town.server, before);
  await town[Symbol.asyncDispose]();
});

const stateOf = async (turn: unknown): Promise<unknown> => (await town.done(ann, 'get_turn', { id: turn }))['state'];

function resume(turn: string, after: number): Promise<Response> {
  return town.send(`/api/v1/turns/${turn}`, { headers: { ...credentials(ann), accept: 'text/event-stream', 'last-event-id': String(after) } });
}

/** What a reader had been told who was cut off at a position. */
function toldAt(events: readonly TurnEvent[], position: number): string {
  return textOf(events).slice(0, position);
}

describe('a reader of an answer', () => {
  it('[conversation-resume] goes on from any position, while the model speaks and after it, past tools and in the middle of a word', async () => {
    const goOn = Promise.withResolvers<void>();
    let requests = 0;
    model.behave((response, call) => {
      if (++requests === 1) {
        sendEvents(response, textChunk('Ho'), textChunk(' 🔎. '), toolCallChunk('retrieve_memory', { query: 'heron' }), ...END_CHUNKS);
        return void response.end();
      }
      sendEvents(response, textChunk('It is '));
      void goOn.promise.then(() => speak('up.')(response, call));
    });
    const first = await readEvents(
      await post(town, ann, '/api/v1/chat', { message: 'Where is the heron?' }, EVENTS),
      ({ data }) => data['text'] === 'It is ',
    );
    expect(first.map(({ event }) => event)).toEqual(['turn', 'start', ...first.slice(2, -2).map(() => 'text'), 'tool_used', 'text']);
    const turn = String(first[0]?.data['turn']);
    const look = 'Ho 🔎. ';
    const half = `${look}It is `;
    const full = `${half}up.`;
    const readers = Array.from({ length: half.length + 1 }, async (_, after) => readEvents(await resume(turn, after)));
    const early = await Promise.all(
      [0, 4, 9].map(
        async (after) => [after, await readEvents(await resume(turn, after), ({ data }) => String(data['text']).endsWith('is '))] as const,
      ),
    );
    for (const [after, events] of early) expect(toldAt(first, after) + textOf(events)).toBe(half);
    goOn.resolve();
    for (const [after, events] of (await Promise.all(readers)).entries()) {
      expect(toldAt(first, after) + textOf(events), `from ${after}`).toBe(full);
      expect(events.at(-1)).toMatchObject({ id: full.length, event: 'end', data: { state: 'done' } });
      expect(events.some(({ event }) => event === 'tool_used')).toBe(after <= look.length);
    }
    expect(await stateOf(turn)).toBe('done');
    for (let after = 0; after <= full.length; after++) {
      const events = await readEvents(await resume(turn, after));
      expect(full.slice(0, after) + textOf(events), `from ${after}, later`).toBe(full);
      expect(events.at(-1)).toMatchObject({ id: full.length, event: 'end' });
    }
    expect(textOf(await readEvents(await resume(turn, 1e9)))).toBe('');
    expect((await resume(turn, NaN)).status).toBe(400);
  });

  it('[conversation-hang-up] that leaves does not end an answer which is kept', async () => {
    const held = new HeldModel();
    model.behave(held.behave);
    const leaving = new AbortController();
    const asked = [
      post(town, ann, '/api/v1/chat', { message: 'left json', conversation: 'left 1' }, { signal: leaving.signal }),
      post(town, ann, '/api/chat', { message: 'left route', conversationId: 'left 2' }, { signal: leaving.signal }),
      post(town, ann, '/api/v1/chat', { message: 'left events', conversation: 'left 3' }, { ...EVENTS, signal: leaving.signal }).then((answer) =>
        answer.text(),
      ),
    ];
    const left = Promise.allSettled(asked);
    await held.holding(3);
    leaving.abort();
    expect((await left).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await expectIdle(town.server);
    held.release();
    for (const at of [1, 2, 3]) {
      const { recent } = await eventually(async () => {
        const context = (await town.done(ann, 'get_context', { query: 'what was said', conversation: `left ${at}` })) as {
          recent: { content: string }[];
        };
        expect(context.recent).toHaveLength(2);
        return context;
      });
      expect(recent[1]?.content).toBe('Well, done.');
    }
  });

  it('[conversation-hang-up] that leaves /v1/chat/completions ends the answer, and what was said is kept', async () => {
    const held = new HeldModel('Well');
    model.behave(held.behave);
    for (const stream of [true, false]) {
      const leaving = new AbortController();
      const body = { messages: [{ role: 'user', content: `leaving ${stream}` }], stream };
      const asked = post(town, ann, '/v1/chat/completions', body, { signal: leaving.signal, headers: { 'x-conversation-id': `gone ${stream}` } });
      const left = asked.then((answer) => answer.text()).catch(() => 'left');
      await held.holding(1);
      leaving.abort();
      expect(await left).toBe('left');
      await model.calls.at(-1)?.closed;
      const { conversations } = (await town.done(ann, 'list_conversations')) as { conversations: { id: string; key?: string }[] };
      const { id } = conversations.find(({ key }) => key === `gone ${stream}`) ?? {};
      await eventually(async () => {
        const { items } = (await town.done(ann, 'get_conversation', { id })) as { items: unknown[] };
        expect(items).toMatchObject([{ state: 'stopped', message: `leaving ${stream}`, text: 'Well' }]);
        expect(items[0]).not.toHaveProperty('error');
      });
    }
  });
});

describe('an answer', () => {
  it('[conversation-stop] is stopped from anywhere, running or waiting, and keeps what was said', async () => {
    const held = new HeldModel();
    model.behave(held.behave);
    const running = town.done(ann, 'chat', { message: 'stop me', conversation: 'stopped' });
    await held.holding(1);
    const waiting = await town.done(ann, 'chat', { message: 'and me', conversation: 'stopped', wait: 0 });
    const third = town.done(ann, 'chat', { message: 'not me', conversation: 'stopped' });
    const stopped = await town.done(ann, 'stop_turn', { id: waiting['turn'] });
    expect(stopped).toMatchObject({ state: 'stopped', text: '', number: 2 });
    expect(stopped).not.toHaveProperty('error');
    const { items } = (await town.done(ann, 'get_conversation', { id: waiting['conversation'] })) as { items: { turn: string; state: string }[] };
    expect(items[0]).toMatchObject({ state: 'running', text: 'Well' });
    expect(await town.done(ann, 'stop_turn', { id: items[0]?.turn })).toMatchObject({ state: 'stopped', text: 'Well' });
    expect(await running).toMatchObject({ state: 'stopped', text: 'Well' });
    await model.calls.find((call) => questionOf(call) === 'stop me')?.closed;
    held.release();
    expect(await third).toMatchObject({ state: 'done', text: 'Well, done.' });
    // One voice after the other, also where nothing was answered.
    const [, ...shown] = promptOf(model.calls.at(-1));
    expect(shown.map((message) => [message.role, said(message)])).toEqual([
      ['user', 'stop me'],
      ['assistant', 'Well'],
      ['user', 'and me\n\nnot me'],
    ]);
    expect(await town.done(ann, 'stop_turn', { id: items[0]?.turn })).toMatchObject({ state: 'stopped', text: 'Well' });
    expect(model.calls.some((call) => questionOf(call) === 'and me')).toBe(false);
  });

  it('[conversation-stop] that was stopped before its time keeps its place for those after it, and is unknown to those before', async () => {
    const held = new HeldModel();
    model.behave(held.behave);
    const turns: unknown[] = [];
    for (const at of [1, 2, 3, 4, 5, 6]) turns.push((await town.done(ann, 'chat', { message: `line ${at}`, conversation: 'line', wait: 0 }))['turn']);
    await held.holding(1);
    for (const at of [5, 3]) await town.done(ann, 'stop_turn', { id: turns[at - 1] });
    held.release();
    await Promise.all(turns.map((id) => town.done(ann, 'get_turn', { id, wait: 30 })));
    const asked = model.calls.filter((call) => questionOf(call).startsWith('line'));
    const texts = ['line 1', 'line 2', 'line 3\n\nline 4', 'line 5\n\nline 6'];
    expect(asked.map(questionOf)).toEqual(texts);
    for (const [at, call] of asked.entries()) expect(windowOf(call)).toEqual(texts.slice(0, at).flatMap((text) => [text, 'Well, done.']));
  });

  it('[conversation-stop] of an OpenAI client that is stopped before it began is refused, by status', async () => {
    const held = new HeldModel();
    model.behave(held.behave);
    const inTheWay = await town.done(ann, 'chat', { message: 'in the way', conversation: 'busy', wait: 0 });
    const asked = [true, false].map((stream) => {
      const body = { messages: [{ role: 'user', content: `behind it ${stream}` }], stream };
      return post(town, ann, '/v1/chat/completions', body, { headers: { 'x-conversation-id': 'busy' } });
    });
    await held.holding(1);
    const waiting = await eventually(async () => {
      const { items } = (await town.done(ann, 'get_conversation', { id: inTheWay['conversation'] })) as { items: { turn: string }[] };
      expect(items).toHaveLength(3);
      return items.slice(1);
    });
    for (const { turn } of waiting) await town.done(ann, 'stop_turn', { id: turn });
    for (const answer of await Promise.all(asked)) {
      expect(answer.status).toBe(499);
      expect(await answer.json()).toMatchObject({ error: { code: 'cancelled' } });
    }
    held.release();
    expect(await town.done(ann, 'get_turn', { id: inTheWay['turn'], wait: 30 })).toMatchObject({ state: 'done' });
  });

  it('[conversation-foreign] under way is nothing to anybody else, by its own id or by one forged for a space of theirs', async () => {
    const held = new HeldModel();
    model.behave(held.behave);
    const ben = await town.citizen('ben');
    const { turn } = await town.done(ann, 'chat', { message: 'not for ben', wait: 0 });
    const own = await town.done(ben, 'chat', { message: 'of ben', wait: 0 });
    await held.holding(2);
    const [theirs, mine] = [turn, own['turn']].map((id) => parseRecordId('turn', String(id)));
    const forged = formatRecordId({ kind: 'turn', space: mine?.space ?? '', uuid: theirs?.uuid ?? '' });
    for (const id of [String(turn), forged]) {
      for (const answer of [await town.rest(ben, 'get_turn', { id, wait: 1 }), await town.rest(ben, 'stop_turn', { id })]) {
        expect(answer.problem).toMatchObject({ status: 404, detail: 'No such turn.' });
      }
      expect((await town.send(`/api/v1/turns/${id}`, { headers: { ...credentials(ben), accept: 'text/event-stream' } })).status).toBe(404);
    }
    held.release();
    expect(await town.done(ann, 'get_turn', { id: turn, wait: 30 })).toMatchObject({ state: 'done', text: 'Well, done.' });
    expect(await town.done(ben, 'get_turn', { id: own['turn'], wait: 30 })).toMatchObject({ state: 'done' });
  });

  it('[conversation-authority] ends when its key is revoked, and keeps what was said', async () => {
    const held = new HeldModel();
    model.behave(held.behave);
    const { id, secret } = await town.keyFor(ann.id);
    const caller = { key: secret };
    const running = await town.done(caller, 'chat', { message: 'revoke me', conversation: 'revoked', wait: 0 });
    const waiting = await town.done(caller, 'chat', { message: 'me too', conversation: 'revoked', wait: 0 });
    await held.holding(1);
    await town.done(ann, 'revoke_key', { keyId: id });
    const ends = await Promise.all([running, waiting].map(({ turn }) => town.done(ann, 'get_turn', { id: turn, wait: 5 })));
    expect(ends).toMatchObject([
      { state: 'failed', message: 'revoke me', text: 'Well', error: { code: 'unauthenticated' } },
      { state: 'failed', message: 'me too', text: '', error: { code: 'unauthenticated' } },
    ]);
    await model.calls.find((call) => questionOf(call) === 'revoke me')?.closed;
    held.release();
    expect(await town.done(ann, 'chat', { message: 'and again', conversation: 'revoked' })).toMatchObject({ state: 'done' });
  });
});

describe('streams that are cut off', () => {
  it('[conversation-abort-storm] leak no byte into what others are told: 204 cut at random moments while 4 look', async () => {
    const random = createSeededRandom(Date.now());
    // A word at a time, so that cuts fall before, between and after them.
    model.behave((response, call) => {
      const words = echo(questionOf(call)).split(' ');
      const next = (): void => {
        const word = words.shift();
        if (response.destroyed) return;
        if (word === undefined) return speak()(response, call);
        sendEvents(response, textChunk(`${word} `));
        setTimeout(next, 2);
      };
      next();
    });
    const users = await Promise.all(Array.from({ length: 4 }, (_, at) => town.citizen(`storm ${at}`)));
    const secretOf = ({ name }: Citizen): string => `lantern-${name.replace(' ', '-')}-end`;
    const found: string[] = [];
    let cuts = 0;
    const look = (user: Citizen, text: string): void => {
      for (const other of users) if (other !== user && text.includes(secretOf(other))) found.push(`${user.name} saw ${other.name}`);
    };
    const cut = async (user: Citizen, at: number): Promise<void> => {
      const message = `the lantern ${secretOf(user)} of call ${at}`;
      const isOpenAi = random() < 0.5;
      const path = isOpenAi ? '/v1/chat/completions' : '/api/v1/chat';
      const body = isOpenAi ? { messages: [{ role: 'user', content: message }], stream: true } : { message, conversation: `room ${at % 3}` };
      const signal = AbortSignal.timeout(Math.ceil(random() * 30));
      let text = '';
      try {
        const answer = await post(town, user, path, body, { ...EVENTS, signal });
        for await (const part of answer.body ?? []) text += Buffer.from(part as Uint8Array).toString();
      } catch {
        cuts++;
      }
      look(user, text);
    };
    const storm = async (user: Citizen): Promise<void> => {
      for (let at = 0; at < 51; at += 3) await Promise.all([cut(user, at), cut(user, at + 1), cut(user, at + 2)]);
    };
    const verify = async (user: Citizen): Promise<void> => {
      for (let at = 0; at < 5; at++) {
        const answer = await town.rest(user, 'chat', { message: `what of the lantern ${secretOf(user)}?`, conversation: `quiet ${at}` });
        look(user, answer.text);
        if (!answer.ok || !answer.text.includes(secretOf(user))) found.push(`${user.name} got ${answer.status}: ${answer.text.slice(0, 200)}`);
      }
    };
    await Promise.all(users.flatMap((user) => [storm(user), verify(user)]));
    expect(found).toEqual([]);
    expect(cuts).toBeGreaterThan(30);
    for (const user of users) look(user, (await town.rest(user, 'search_memory', { limit: 100 })).text);
    expect(found).toEqual([]);
    await expectIdle(town.server);
  });
});
