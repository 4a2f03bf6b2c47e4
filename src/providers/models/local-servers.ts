import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { z } from 'zod';
import { startDeadline, throwIfAborted } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { shortList } from '../../kernel/short-list.ts';

/** Where on this machine a model server may listen. */
export interface LocalPlace {
  readonly port: number;
  /** The list of models it shows to anybody. */
  readonly path: '/api/tags' | '/v1/models';
}

/** A model server of this machine that has a model to chat with. */
export interface LocalModelServer {
  /** Base of its OpenAI-compatible API, as `CHAT_MODEL_URL` takes it. */
  readonly url: string;
  /** Names as `CHAT_MODEL` takes them, at least one. */
  readonly models: readonly [string, ...string[]];
}

export interface LocalSearch {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Default: the ports that model servers take if nobody says otherwise. */
  readonly places?: readonly LocalPlace[];
}

/** Ollama, LM Studio, llama.cpp, vLLM and Docker's model runner. */
const USUAL_PLACES: readonly LocalPlace[] = [
  { port: 11434, path: '/api/tags' },
  { port: 1234, path: '/v1/models' },
  { port: 8080, path: '/v1/models' },
  { port: 8000, path: '/v1/models' },
  { port: 12434, path: '/v1/models' },
];

const HOST = '127.0.0.1';
const LOOK_MS = 500;
const MAX_BYTES = 256 * 1024;
const MAX_LISTED = 1000;
const MAX_MODELS = 5;
/** Whoever listens there chose the names: only those that can be pasted into a shell and a list of options as they are. */
const PLAIN_NAME = /^[\w/][\w.:/@+-]{0,127}$/;
/** What servers list beside models that talk; nothing but the name tells them apart. */
const EMBEDDING_NAME = /embed|rerank/i;

const named = z.object({ name: z.string().optional(), id: z.string().optional() });
const listing = z.object({ models: shortList(MAX_LISTED, z.array(named)).optional(), data: shortList(MAX_LISTED, z.array(named)).optional() });

/**
 * Asks the usual ports of this machine for their models, all at once and each for at most 500 ms. Nothing is sent there but the
 * question; no redirect is followed. What does not answer as a model server counts as not there. Rejects only with the signal's error.
 */
export async function findLocalServers({ clock, signal, places = USUAL_PLACES }: LocalSearch): Promise<readonly LocalModelServer[]> {
  const found = await Promise.all(places.map((place) => lookAt(place, clock, signal)));
  throwIfAborted(signal);
  return found.filter((server) => server !== undefined);
}

async function lookAt(place: LocalPlace, clock: Clock, signal: AbortSignal): Promise<LocalModelServer | undefined> {
  using limit = startDeadline(clock, LOOK_MS, 'a look at a port', signal);
  // Any program may listen there, and do anything.
  const text = await readList(place, limit.signal).catch(() => undefined);
  const [first, ...more] = text === undefined ? [] : chatModelsIn(text);
  return first === undefined ? undefined : { url: `http://${HOST}:${place.port}/v1`, models: [first, ...more] };
}

async function readList({ port, path }: LocalPlace, signal: AbortSignal): Promise<string | undefined> {
  const request = get({ host: HOST, port, path, agent: false, signal, headers: { accept: 'application/json' } });
  // Those who wait are told by `once` and the loop; an error after them would end the process.
  request.on('error', () => {});
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const parts: Buffer[] = [];
  let bytes = response.statusCode === 200 ? 0 : Infinity;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    // Leaving the loop closes the connection.
    if (bytes > MAX_BYTES) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function chatModelsIn(text: string): readonly string[] {
  const parsed = listing.safeParse(parseJson(text));
  const listed = (parsed.success ? (parsed.data.models ?? parsed.data.data) : undefined) ?? [];
  const names = listed.map(({ name, id }) => name ?? id ?? '').filter((name) => PLAIN_NAME.test(name) && !EMBEDDING_NAME.test(name));
  return [...new Set(names)].slice(0, MAX_MODELS);
}
