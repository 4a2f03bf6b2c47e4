import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { createServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { createClient } from '@redis/client';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Exchange } from '../../domains/conversation/model.ts';
import { type Clock, systemClock } from '../../kernel/clock.ts';
import { describeShortTerm } from '../contract/short-term.contract.ts';
import { RedisShortTerm } from './redis-short-term.ts';
import { LogLines, type RedisServer, startFakeRedis, startRedis } from './redis-test-kit.ts';

const UP = 'Redis answers.';
const FAILS = 'Redis fails; what it would keep is read from the store.';
const UP_AGAIN = 'Redis answers again.';
/** Far more than the time there is for an answer, since machines are busy; far less than any time-out of a client or a socket. */
const AT_ONCE_MS = 1500;
/** Patience for a Redis that is well on a busy machine, and for one that hangs. */
const WELL_MS = 10_000;
const HUNG_MS = 300;

const SAID: readonly Exchange[] = [{ turn: 1, user: 'tea?', assistant: 'yes', steps: [] }];

let redis: RedisServer;
let space: string;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => redis[Symbol.asyncDispose]());

interface Opened {
  readonly cache: RedisShortTerm;
  readonly log: LogLines;
}

/** Begins to connect; ends with the test. */
function open(url: string, options: { readonly clock?: Clock; readonly answerMs?: number } = {}): Opened {
  const log = new LogLines();
  const cache = new RedisShortTerm({ url, clock: systemClock, logger: log, random: () => 0, calmMs: 50, answerMs: WELL_MS, ...options });
  onTestFinished(() => cache[Symbol.asyncDispose]());
  space = randomBytes(8).toString('hex');
  return { cache, log };
}

async function openConnected(url: string, answerMs = WELL_MS): Promise<Opened> {
  const opened = open(url, { answerMs });
  await opened.log.until(UP);
  return opened;
}

/** The slowest of all, in ms. */
async function slowest(calls: readonly (() => Promise<unknown>)[]): Promise<number> {
  const start = performance.now();
  const times = await Promise.all(calls.map(async (call) => call().then(() => performance.now() - start)));
  return Math.max(...times);
}

const everyKindOfCall = (cache: RedisShortTerm): readonly (() => Promise<unknown>)[] =>
  Array.from({ length: 20 }, (_, at) => [
    () => cache.read(space, `c${at}`),
    () => cache.write(space, `c${at}`, SAID),
    () => cache.drop(space, `d${at}`),
    () => cache.drop(`${space.slice(0, -1)}x`),
  ]).flat();

async function listenAsFake(scripts: readonly ((socket: Socket) => void)[]): Promise<string> {
  const fake = await startFakeRedis(scripts);
  onTestFinished(() => fake[Symbol.asyncDispose]());
  return fake.url;
}

const passOn = (socket: Socket): void => void socket.pipe(connect(redis.socket)).pipe(socket);

describeShortTerm('Redis', async () => {
  const log = new LogLines();
  const shortTerm = new RedisShortTerm({ url: redis.url, clock: systemClock, logger: log, random: () => 0, answerMs: WELL_MS });
  const admin = await createClient({ url: redis.url }).connect();
  await log.until(UP);
  return {
    shortTerm,
    async passTime(ms) {
      for (const key of await admin.keys('*')) await admin.pExpire(key, (await admin.pTTL(key)) - ms);
    },
    async [Symbol.asyncDispose]() {
      await shortTerm[Symbol.asyncDispose]();
      await admin.close();
    },
  };
});

test('every key leads with its space and ends by itself; none is left of a space that was dropped', async () => {
  const { cache } = await openConnected(redis.url);
  const admin = await createClient({ url: redis.url }).connect();
  onTestFinished(() => admin.destroy());
  await cache.write(space, 'a', SAID);
  await cache.write(space, 'b', SAID);
  const keys = await admin.keys(`*${space}*`);
  expect(keys.sort()).toEqual([`pmn:st:{${space}}`, `pmn:st:{${space}}:a`, `pmn:st:{${space}}:b`]);
  for (const key of keys) expect(await admin.pTTL(key)).toBeGreaterThan(0);
  await cache.drop(space);
  expect(await admin.keys(`*${space}*`)).toEqual([]);
});

test('what somebody else put there counts as nothing, and is written over', async () => {
  const { cache, log } = await openConnected(redis.url);
  const admin = await createClient({ url: redis.url }).connect();
  onTestFinished(() => admin.destroy());
  const key = `pmn:st:{${space}}:a`;
  const text = JSON.stringify(SAID);
  const foreign = ['', 'x', text, `${key}\n{}`, `${key}\n[${text}]`, `${key}\n[{"turn":1}]`, `pmn:st:{${space}}:b\n${text}`, 'x'.repeat(1e6)];
  for (const value of [...foreign, Buffer.from([0xff, 0xfe])]) {
    await admin.set(key, value);
    expect(await cache.read(space, 'a')).toBeUndefined();
  }
  expect(log.lines).toEqual([UP]);
  await admin.del(key);
  await admin.lPush(key, 'x');
  for (let call = 0; call < 3; call++) expect(await cache.read(space, 'a')).toBeUndefined();
  await cache.write(space, 'a', SAID);
  expect(await cache.read(space, 'a')).toEqual(SAID);
  await log.until(UP_AGAIN);
  expect(log.lines).toEqual([UP, `${FAILS} WRONGTYPE`, UP_AGAIN]);
});

test('killed in mid-run it costs nothing but what it kept; it is used again when it is back', async () => {
  const server = await startRedis();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const { cache, log } = await openConnected(server.url);
  for (let outage = 0; outage < 2; outage++) {
    await cache.write(space, 'a', SAID);
    expect(await cache.read(space, 'a')).toEqual(SAID);
    const inMidRun = slowest(everyKindOfCall(cache));
    const killed = server.kill();
    expect(await inMidRun).toBeLessThan(AT_ONCE_MS);
    await killed;
    expect(await slowest(everyKindOfCall(cache))).toBeLessThan(AT_ONCE_MS);
    expect(await cache.read(space, 'a')).toBeUndefined();
    await server.restart();
    await log.until(UP_AGAIN);
    await expect.poll(async () => cache.write(space, 'a', SAID).then(() => cache.read(space, 'a')), { interval: 10 }).toEqual(SAID);
    expect(log.lines).toEqual([UP, expect.stringContaining(FAILS), UP_AGAIN]);
    log.lines.splice(1);
  }
});

test('while it hangs one call waits a moment and all others not at all; nothing is kept for later', async () => {
  const server = await startRedis();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const { cache, log } = await openConnected(server.url, HUNG_MS);
  await cache.write(space, 'a', SAID);
  server.pause();
  expect(await slowest([() => cache.read(space, 'a')])).toBeLessThan(AT_ONCE_MS);
  const start = performance.now();
  for (let call = 0; call < 200; call++) await cache.write(space, `c${call}`, SAID);
  expect(performance.now() - start).toBeLessThan(AT_ONCE_MS);
  server.resume();
  await expect.poll(() => cache.read(space, 'a'), { interval: 10 }).toEqual(SAID);
  expect(await cache.read(space, 'c199')).toBeUndefined();
  await log.until(UP_AGAIN);
  expect(log.lines).toEqual([UP, `${FAILS} timed_out`, UP_AGAIN]);
});

test('a call waits 100 ms for Redis', async () => {
  const log = new LogLines();
  const url = await listenAsFake([(socket) => socket.once('data', () => socket.write('+PONG\r\n'))]);
  const cache = new RedisShortTerm({ url, clock: systemClock, logger: log, random: () => 0 });
  onTestFinished(() => cache[Symbol.asyncDispose]());
  await log.until(UP);
  const waited = await slowest([() => cache.read('00000000000000aa', 'a')]);
  expect(waited).toBeGreaterThan(98);
  expect(waited).toBeLessThan(AT_ONCE_MS);
});

test('silence and rubbish end a connection, and the next one is tried', async () => {
  const ends: string[] = [];
  const note = (name: string) => (socket: Socket) => void socket.once('close', () => ends.push(name));
  const url = await listenAsFake([
    (socket) => {
      note('silent from the second answer')(socket);
      socket.once('data', () => socket.write('+PONG\r\n'));
    },
    (socket) => {
      note('rubbish')(socket);
      socket.once('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    },
    (socket) => {
      note('answers nobody asked for')(socket);
      socket.once('data', () => socket.write('+PONG\r\n$5\r\nhello\r\n+OK\r\n'));
    },
    (socket) => {
      note('closed')(socket);
      socket.resume().end();
    },
    passOn,
  ]);
  const { cache, log } = await openConnected(url, HUNG_MS);
  await cache.read(space, 'a');
  await expect.poll(async () => cache.write(space, 'a', SAID).then(() => cache.read(space, 'a')), { interval: 10, timeout: 10_000 }).toEqual(SAID);
  expect(ends).toEqual(['silent from the second answer', 'rubbish', 'answers nobody asked for', 'closed']);
  await log.until(UP_AGAIN);
  expect(log.lines).toEqual([UP, `${FAILS} timed_out`, UP_AGAIN]);
});

test('its end is at once: on the way to a server that does not answer, before the next try, and with calls on their way', async () => {
  const timers = new Set<() => void>();
  const clock: Clock = {
    ...systemClock,
    after(ms, run) {
      const cancel = systemClock.after(ms, () => timers.delete(cancel) && run());
      timers.add(cancel);
      return () => {
        timers.delete(cancel);
        cancel();
      };
    },
  };
  const called: Promise<[Socket]>[] = [];
  const silent = async (): Promise<string> => {
    const { promise, resolve } = Promise.withResolvers<[Socket]>();
    called.push(promise);
    return listenAsFake([(socket) => socket.once('data', () => resolve([socket]))]);
  };
  const toRedis = open(await silent(), { clock });
  const toTls = open((await silent()).replace('redis:', 'rediss:'), { clock });
  const refused = open('unix:///nowhere/redis.sock', { clock });
  await refused.log.until(FAILS);
  const closed = (await Promise.all(called)).map(([socket]) => once(socket, 'close'));
  const connected = await openConnected(redis.url);
  const start = performance.now();
  const onTheirWay = slowest(everyKindOfCall(connected.cache));
  for (const { cache } of [toRedis, toTls, refused, connected]) await cache[Symbol.asyncDispose]();
  await Promise.all([...closed, onTheirWay]);
  expect(performance.now() - start).toBeLessThan(AT_ONCE_MS);
  expect(timers.size).toBe(0);
  expect([toRedis, toTls, refused, connected].map(({ log }) => log.lines)).toEqual([[], [], [`${FAILS} ENOENT`], [UP]]);
});

test('a password opens it, a wrong one does not, and neither is logged', async () => {
  const server = await startRedis(['--requirepass', 'right-word', '--user', ...'ann on >p@ss/word ~pmn:* +@all'.split(' ')]);
  onTestFinished(() => server[Symbol.asyncDispose]());
  const urlOf = (credentials: string): string => server.url.replace('//', `//${credentials}@`);
  for (const credentials of [':right-word', `ann:${encodeURIComponent('p@ss/word')}`]) {
    const { cache } = await openConnected(urlOf(credentials));
    await cache.write(space, 'a', SAID);
    expect(await cache.read(space, 'a')).toEqual(SAID);
  }
  const refused = [open(urlOf(':wrong-word')), open(server.url)];
  for (const { cache, log } of refused) {
    await log.until(FAILS);
    expect(await cache.read(space, 'a')).toBeUndefined();
  }
  expect(refused.map(({ log }) => log.lines)).toEqual([[`${FAILS} WRONGPASS`], [`${FAILS} NOAUTH`]]);
});

test('rediss:// is TLS: with a certificate this machine trusts, and no other', async () => {
  const server = await startRedis(['--requirepass', 'right-word']);
  onTestFinished(() => server[Symbol.asyncDispose]());
  const credentials = makeCertificate(dirname(server.socket));
  const outside = createServer(
    credentials,
    (socket) =>
      void socket
        .on('error', () => {})
        .pipe(connect(server.socket))
        .pipe(socket),
  );
  outside.listen(0, '127.0.0.1');
  await once(outside, 'listening');
  onTestFinished(() => void outside.close());
  const url = `rediss://:right-word@localhost:${(outside.address() as AddressInfo).port}/3`;
  const stranger = open(url);
  await stranger.log.until(FAILS);
  expect(stranger.log.lines).toEqual([`${FAILS} DEPTH_ZERO_SELF_SIGNED_CERT`]);
  await stranger.cache[Symbol.asyncDispose]();
  const trusted = getCACertificates();
  onTestFinished(() => setDefaultCACertificates(trusted));
  setDefaultCACertificates([credentials.cert]);
  const { cache } = await openConnected(url);
  await cache.write(space, 'a', SAID);
  expect(await cache.read(space, 'a')).toEqual(SAID);
});

function makeCertificate(folder: string): { readonly key: string; readonly cert: string } {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, ...names],
    {
      stdio: 'ignore',
    },
  );
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}
