import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { ErrorCode } from '../../src/kernel/errors.ts';
import { END_CHUNKS, type ModelBehaviour, sendEvents, textChunk } from './model-server.ts';

/** Something a model provider does wrong. */
export interface ModelFault {
  /** The name of the model that does it. */
  readonly name: string;
  readonly behave: ModelBehaviour;
  /** What its caller is told. */
  readonly code: ErrorCode;
  /** It has sent {@link HALF} before, so that a stream has begun when it happens. */
  readonly hasBegun?: true;
  readonly retryAfterS?: number;
}

/** What providers say in their errors, which may quote anything: nobody is to read it. */
export const PROVIDER_WORDS = 'the key sk-of-the-provider asked about walruses';
/** What a provider that breaks off has said before. */
export const HALF = 'half an ';

const EVENT_STREAM = { 'content-type': 'text/event-stream' };
const BEYOND_LINE = 5 * 1024 * 1024;

const send =
  (...events: readonly unknown[]): ModelBehaviour =>
  (response) => {
    sendEvents(response, ...events);
    response.end();
  };

const refuse =
  (status: number, headers: Readonly<Record<string, string>> = {}): ModelBehaviour =>
  (response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ error: { message: PROVIDER_WORDS } }));

const call = (part: object, name = 'weather'): unknown => ({
  choices: [{ index: 0, delta: { tool_calls: [{ index: 0, id: 't1', function: { name, arguments: '{}' }, ...part }] }, finish_reason: null }],
});

/** Goes on until the reader leaves. */
function repeatedly(response: ServerResponse, ms: number, write: () => void): void {
  const timer = setInterval(write, ms);
  response.on('close', () => clearInterval(timer));
}

/** Writes as fast as it is read. */
function pour(response: ServerResponse, text: string): void {
  const more = (): void => {
    while (!response.destroyed && response.write(text));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
}

/** One row for each. A row's caller gets `code`, whatever words the provider used. */
export const MODEL_FAULTS: readonly ModelFault[] = [
  { name: 'malformed-json', code: 'upstream_failed', behave: send('{"choices": [') },
  { name: 'malformed-json-midway', code: 'upstream_failed', hasBegun: true, behave: send(textChunk(HALF), `{"error": "${PROVIDER_WORDS}`) },
  {
    name: 'malformed-sse',
    code: 'upstream_failed',
    behave: (response) =>
      void response.writeHead(200, EVENT_STREAM).end(Buffer.from(`\0\xff\n\ndatum: {"choices":[]}\n\n${PROVIDER_WORDS}`, 'latin1')),
  },
  { name: 'another-shape', code: 'upstream_failed', behave: send({ choices: PROVIDER_WORDS }) },
  {
    name: 'wrong-content-type',
    code: 'upstream_failed',
    behave: (response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ choices: [{ message: {} }] })),
  },
  {
    name: 'huge-line',
    code: 'upstream_failed',
    behave: (response) => void response.writeHead(200, EVENT_STREAM).end('data: '.padEnd(BEYOND_LINE, 'x')),
  },
  {
    name: 'huge-answer',
    code: 'upstream_failed',
    hasBegun: true,
    behave: (response) => {
      sendEvents(response, textChunk(HALF));
      // Padding between the tokens: how much comes over the wire counts, whatever it is.
      pour(response, `: ${'x'.repeat(1024 * 1024)}\n\ndata: ${JSON.stringify(textChunk('.'))}\n\n`);
    },
  },
  {
    name: 'compressed-bomb',
    code: 'upstream_failed',
    behave: (response) =>
      void response.writeHead(200, { ...EVENT_STREAM, 'content-encoding': 'gzip' }).end(gzipSync('data: '.padEnd(BEYOND_LINE, 'x'))),
  },
  {
    name: 'drip-of-bytes',
    code: 'timed_out',
    behave: (response) => {
      sendEvents(response);
      repeatedly(response, 20, () => response.write(': ping\n\n'));
    },
  },
  {
    name: 'drip-of-tokens',
    code: 'timed_out',
    hasBegun: true,
    behave: (response) => {
      sendEvents(response, textChunk(HALF));
      repeatedly(response, 50, () => sendEvents(response, textChunk('.')));
    },
  },
  { name: 'silent', code: 'timed_out', behave: () => {} },
  { name: 'silent-midway', code: 'timed_out', hasBegun: true, behave: (response) => sendEvents(response, textChunk(HALF)) },
  { name: 'hangs-up', code: 'upstream_failed', behave: (response) => void response.destroy() },
  {
    name: 'hangs-up-midway',
    code: 'upstream_failed',
    hasBegun: true,
    behave: (response) => {
      // Gone only when it has left: a connection that is destroyed takes with it what was not sent yet.
      response.writeHead(200, EVENT_STREAM).write(`data: ${JSON.stringify(textChunk(HALF))}\n\n`, () => setImmediate(() => response.destroy()));
    },
  },
  { name: 'no-finish', code: 'upstream_failed', hasBegun: true, behave: send(textChunk(HALF)) },
  { name: 'error-event', code: 'upstream_failed', behave: send({ error: { message: PROVIDER_WORDS } }) },
  { name: 'error-event-midway', code: 'upstream_failed', hasBegun: true, behave: send(textChunk(HALF), { error: { message: PROVIDER_WORDS } }) },
  { name: 'tool-call-index', code: 'upstream_failed', behave: send(call({ index: -1 }), ...END_CHUNKS) },
  { name: 'tool-call-arguments', code: 'upstream_failed', behave: send(call({ function: { name: 'f', arguments: '{"x"' } }), ...END_CHUNKS) },
  { name: 'tool-call-nameless', code: 'upstream_failed', behave: send(call({ function: { arguments: '{}' } }), ...END_CHUNKS) },
  {
    name: 'tool-call-flood',
    code: 'upstream_failed',
    behave: send(...Array.from({ length: 200 }, (_, index) => call({ index, id: `t${index}` })), ...END_CHUNKS),
  },
  { name: 'redirect', code: 'upstream_failed', behave: (response) => void response.writeHead(307, { location: '/elsewhere' }).end() },
  { name: 'refused-key', code: 'upstream_failed', behave: refuse(401) },
  { name: 'busy', code: 'overloaded', retryAfterS: 5, behave: refuse(429) },
  { name: 'busy-for-long', code: 'overloaded', retryAfterS: 600, behave: refuse(429, { 'retry-after': '600' }) },
  { name: 'broken', code: 'upstream_failed', behave: refuse(500) },
  { name: 'context-too-long', code: 'invalid_input', behave: refuse(400) },
  { name: 'no-http', code: 'upstream_failed', behave: (response) => void response.socket?.end(`SSH-2.0 ${PROVIDER_WORDS}\r\n\r\n`) },
];
