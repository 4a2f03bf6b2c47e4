import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { questionOf, readEvents, textOf } from '../support/chat-kit.ts';
import { type ChildServer, startChild } from '../support/child-server.ts';
import { eventually } from '../support/leaks.ts';
import { END_CHUNKS, type ModelBehaviour, type ModelServer, openModelServer, sendEvents, textChunk } from '../support/model-server.ts';
import { temporaryFolder } from '../support/storage.ts';
import { type Caller, credentials } from '../support/wire.ts';
import { expectIntegrity, exported, newUser, WRITE_SETTINGS } from './kill-writes.ts';

const USERS = 2;
const TALKS_EACH = 2;
/** Messages of one talk that are sent without waiting for an answer: all but the first wait in the line. */
const AT_ONCE = 3;
const PIECES = 10;
const PIECE_MS = 100;
/** Longer than the time between two saves of an answer. */
const LONG_PIECES = 900;
const SAVED_AFTER_MS = 8500;
const MAX_TALK_MS = 1500;
const RECOVERY_MS = 10_000;

interface Message {
  /** Stands once in the journal. */
  readonly text: string;
  /** The server has named its turn. */
  isBegun: boolean;
  /** The whole answer. */
  answer?: string;
}

interface Talk {
  readonly user: Caller;
  readonly name: string;
  readonly messages: Message[];
}

interface TurnView {
  readonly number: number;
  readonly state: string;
  readonly message: string;
  readonly text: string;
  readonly error?: { readonly message: string };
}

/** What the model says to a message: the same whenever it is asked. */
function answerTo(text: string): string {
  return piecesOf(text).join('');
}

function piecesOf(text: string): readonly string[] {
  const count = text.includes('long') ? LONG_PIECES : PIECES;
  return Array.from({ length: count }, (_, at) => `${at === 0 ? `To "${text}":` : ''} ${at}`);
}

/** Answers a piece at a time. */
const slowly: ModelBehaviour = (response, call) => {
  const pieces = piecesOf(questionOf(call)).values();
  const timer = setInterval(() => {
    const { value, done = false } = pieces.next();
    sendEvents(response, ...(done ? END_CHUNKS : [textChunk(value ?? '')]));
    if (done) response.end();
  }, PIECE_MS);
  response.on('close', () => clearInterval(timer));
};

/** Says it under the message's own key; false when the connection broke before the end. What was answered before stays. */
async function say(server: ChildServer, { user, name }: Talk, message: Message): Promise<boolean> {
  const headers = { ...credentials(user), 'content-type': 'application/json', accept: 'text/event-stream', 'idempotency-key': message.text };
  const body = JSON.stringify({ message: message.text, conversation: name });
  try {
    const response = await server.send('/api/v1/chat', { method: 'POST', headers, body });
    expect(response.status).toBe(200);
    const events = await readEvents(response, ({ event }) => {
      message.isBegun ||= event === 'turn';
      return false;
    });
    const end = events.find(({ event }) => event === 'end');
    if (end?.data['state'] === 'done') message.answer = textOf(events);
    return end !== undefined;
  } catch (error) {
    // The server was killed.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** All turns of a talk; none where the server knows no such conversation. */
async function turnsOf(server: ChildServer, { user, name }: Talk): Promise<readonly TurnView[]> {
  const { body } = await server.rest(user, 'list_conversations', { limit: 100 });
  const found = (body['conversations'] as readonly { id: string; key: string }[]).find(({ key }) => key === name);
  if (found === undefined) return [];
  const turns: TurnView[] = [];
  for (let after: number | undefined = 0; after !== undefined;) {
    const page = (await server.rest(user, 'get_conversation', { id: found.id, after, limit: 100 })).body as { items: TurnView[]; next?: number };
    turns.push(...page.items);
    after = page.next;
  }
  return turns;
}

/** Kept, once each, whole or ended as interrupted with what was said until then; numbered in order. */
async function expectKept(server: ChildServer, talk: Talk): Promise<readonly TurnView[]> {
  const turns = await eventually(async () => {
    const found = await turnsOf(server, talk);
    expect(found.filter(({ state }) => state !== 'done' && state !== 'failed')).toEqual([]);
    return found;
  }, RECOVERY_MS);
  expect(turns.map(({ number }) => number)).toEqual(turns.map((_turn, at) => at + 1));
  expect(new Set(turns.map(({ message }) => message)).size).toBe(turns.length);
  for (const { state, message, text, error } of turns) {
    if (state === 'done') expect(text).toBe(answerTo(message));
    else expect([answerTo(message).startsWith(text), error?.message]).toEqual([true, expect.stringContaining('interrupted')]);
  }
  const byMessage = new Map(turns.map((turn) => [turn.message, turn]));
  for (const { text, isBegun, answer } of talk.messages) {
    if (isBegun) expect(byMessage.has(text), text).toBe(true);
    if (answer !== undefined) expect(byMessage.get(text)).toMatchObject({ state: 'done', text: answer });
  }
  return turns;
}

/** Says one thing after another, several at once, until the server is gone. */
async function talkOn(server: ChildServer, talk: Talk, kind: string): Promise<void> {
  for (let isThere = true; isThere;) {
    const messages = Array.from({ length: AT_ONCE }, (_, at): Message => ({
      text: `${talk.name}, ${kind} message ${talk.messages.length + at}`,
      isBegun: false,
    }));
    talk.messages.push(...messages);
    isThere = (await Promise.all(messages.map((message) => say(server, talk, message)))).every(Boolean);
  }
}

/** Messages without an answer are sent again under their keys: none makes a second turn. */
async function sayAgain(server: ChildServer, talk: Talk): Promise<void> {
  const before = await expectKept(server, talk);
  const known = new Set(before.map(({ message }) => message));
  const open = talk.messages.filter(({ answer }) => answer === undefined).slice(-AT_ONCE);
  for (const message of open) expect(await say(server, talk, message)).toBe(true);
  const added = (await expectKept(server, talk)).slice(before.length);
  expect(added.map(({ message }) => message)).toEqual(open.map(({ text }) => text).filter((text) => !known.has(text)));
}

/** After a kill that came when texts had been saved: the turn that ran has its text so far, those that waited have none. */
async function expectSaved(server: ChildServer, talk: Talk): Promise<void> {
  const last = (await expectKept(server, talk)).slice(-AT_ONCE);
  expect(last.map(({ state, text }) => [state, text !== ''])).toEqual(last.map((_turn, at) => ['failed', at === 0]));
}

/** The next message is answered as ever, and each answer there has been is remembered once. */
async function goOn(server: ChildServer, talk: Talk): Promise<void> {
  const message: Message = { text: `${talk.name}, and on it goes`, isBegun: false };
  talk.messages.push(message);
  await say(server, talk, message);
  expect(message.answer).toBe(answerTo(message.text));
  const answered = (await expectKept(server, talk)).filter(({ state }) => state === 'done');
  const remembered = (await exported(server, talk.user)).filter(({ content }) => content.startsWith(`User: ${talk.name},`));
  expect(remembered.map(({ content }) => content)).toEqual(answered.map(({ message: asked, text }) => `User: ${asked}\n\nAssistant: ${text}`));
}

/**
 * Kills servers while people chat with a model that takes a second, and holds what they show afterwards against a journal of what
 * they acknowledged. The last kill comes when the text of long answers has been saved.
 */
export async function killDuringChats(kills: number): Promise<void> {
  await using folder = await temporaryFolder();
  await using model = await openModelServer(slowly);
  const dataDir = join(folder.path, 'data');
  const settings = { ...WRITE_SETTINGS, RATE_LIMIT_CHAT_PER_MIN: 1_000_000, CHAT_MODEL_URL: `${model.url}/v1`, CHAT_MODEL: ['slow'] } as const;
  let talks: readonly Talk[] = [];
  for (let kill = 1; kill <= kills; kill++) {
    await using server = await startChild({ dataDir, settings });
    if (kill === 1) talks = await newTalks(server);
    await Promise.all(talks.map((talk) => sayAgain(server, talk)));
    const isLast = kill === kills;
    const talking = talks.map((talk) => talkOn(server, talk, isLast ? 'long' : 'short'));
    await delay(isLast ? SAVED_AFTER_MS : Math.random() * MAX_TALK_MS);
    await server.kill();
    await Promise.all(talking);
  }
  await using last = await startChild({ dataDir, settings });
  for (const talk of talks) await expectSaved(last, talk);
  await Promise.all(talks.map((talk) => goOn(last, talk)));
  expect(await last.stop()).toBe(0);
  expect(await expectIntegrity(dataDir)).toBe(USERS + 1);
  expectAskedOnce(model);
}

async function newTalks(server: ChildServer): Promise<readonly Talk[]> {
  const users = await Promise.all(Array.from({ length: USERS }, (_, at) => newUser(server, `talker ${at}`)));
  return users.flatMap((user, at) => Array.from({ length: TALKS_EACH }, (_, n): Talk => ({ user, name: `talk ${at}.${n}`, messages: [] })));
}

/** No message has been put before the model twice. */
function expectAskedOnce({ calls }: ModelServer): void {
  const asked = calls.map((call) => questionOf(call));
  expect(asked.length).toBeGreaterThan(0);
  expect(new Set(asked).size).toBe(asked.length);
}
