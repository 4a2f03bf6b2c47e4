import { parseJson } from '../../kernel/parse-json.ts';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { createInFlightLimit } from './in-flight-limit.ts';
import { isRecord, isRpcId, RPC_ERROR, type RpcId, type RpcMessage, rpcErrorLine, toRpcMessage } from './json-rpc.ts';
import { readLines } from './line-reader.ts';
import { postMessage, type PostTarget } from './mcp-post.ts';

/** Requests at the server at once, and behind them in line; beyond both a request is refused. */
const MAX_IN_FLIGHT = 64;
const MAX_WAITING = 1_000;

/** Longest line taken from the client, in bytes. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

export interface StdioBridgeOptions {
  /** Address of the running server's MCP endpoint, e.g. `http://127.0.0.1:4100/mcp`. */
  readonly url: string;
  /** API key; leaves this process only as the bearer of requests to `url`. */
  readonly key: string;
  readonly stdin: Readable;
  /** Carries JSON-RPC lines and nothing else. */
  readonly stdout: Writable;
  readonly fetch?: typeof fetch;
  /** Ends the bridge at once, giving up what is in flight. */
  readonly signal: AbortSignal;
}

/**
 * MCP over stdio as a thin client of the running server: each JSON-RPC line of `stdin` is posted to the server, each
 * message of its answers becomes a line of `stdout`. Serves clients of both revisions. Up to 64 requests are in flight
 * and 1,000 wait. `notifications/cancelled` hangs up on the request it names, which the server treats as a cancel
 * whatever the revision. Failures are JSON-RPC errors with the request's id.
 *
 * Resolves when `stdin` has ended and all answers are written, when the client closes `stdout`, or when `signal` aborts.
 */
export async function runStdioBridge(options: StdioBridgeOptions): Promise<void> {
  const bridge = new StdioBridge(options);
  await bridge.run();
}

/** The state of one bridge: what is in flight, by request id, and the revision a 2025 client agreed on. */
class StdioBridge {
  readonly #target: PostTarget;
  readonly #stdin: Readable;
  readonly #stdout: Writable;
  readonly #outer: AbortSignal;
  readonly #stop = new AbortController();
  readonly #limit = createInFlightLimit(MAX_IN_FLIGHT, MAX_WAITING);
  readonly #cancels = new Map<RpcId, AbortController>();
  readonly #active = new Set<AbortController>();
  readonly #running = new Set<Promise<void>>();
  #negotiated: string | undefined;
  #drained: Promise<void> | undefined;

  constructor(options: StdioBridgeOptions) {
    this.#target = { url: options.url, key: options.key, fetch: options.fetch ?? fetch };
    this.#stdin = options.stdin;
    this.#stdout = options.stdout;
    this.#outer = options.signal;
  }

  async run(): Promise<void> {
    const stop = (): void => this.#stop.abort();
    this.#stop.signal.addEventListener('abort', () => this.#giveUp(), { once: true });
    this.#stdout.on('error', stop);
    this.#outer.addEventListener('abort', stop, { once: true });
    if (this.#outer.aborted) stop();
    try {
      await this.#readInput();
      await Promise.all(this.#running);
    } finally {
      stop();
      this.#outer.removeEventListener('abort', stop);
      this.#stdout.off('error', stop);
    }
  }

  #giveUp(): void {
    // Ending the stream ends the loop over it, even while it waits for a line.
    this.#stdin.destroy();
    for (const cancel of this.#active) cancel.abort();
  }

  async #readInput(): Promise<void> {
    try {
      for await (const line of readLines(this.#stdin, MAX_LINE_BYTES)) {
        if ('tooLong' in line) await this.#write(rpcErrorLine(null, RPC_ERROR.invalidRequest, `A message is longer than ${MAX_LINE_BYTES} bytes.`));
        else if (line.text.trim() !== '') await this.#accept(line.text);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  async #accept(text: string): Promise<void> {
    const value = parseJson(text);
    if (Array.isArray(value)) return this.#write(rpcErrorLine(null, RPC_ERROR.invalidRequest, 'Send one message a line, not a batch.'));
    const message = toRpcMessage(value);
    if (message === undefined) return this.#write(rpcErrorLine(null, RPC_ERROR.parse, 'A line is not a JSON-RPC message.'));
    if (message.method === 'notifications/cancelled') return this.#cancel(message);
    // Answers: this server asks its clients nothing, so they belong to no request of it.
    if (message.method === undefined) return;
    this.#start(message, text);
  }

  #cancel(message: RpcMessage): void {
    const requestId = message.params?.['requestId'];
    if (isRpcId(requestId)) this.#cancels.get(requestId)?.abort();
  }

  #start(message: RpcMessage, text: string): void {
    const cancel = new AbortController();
    const { id } = message;
    if (id !== undefined) this.#cancels.set(id, cancel);
    this.#active.add(cancel);
    const task = this.#relay(message, text, cancel.signal).finally(() => {
      this.#active.delete(cancel);
      if (id !== undefined && this.#cancels.get(id) === cancel) this.#cancels.delete(id);
      this.#running.delete(task);
    });
    this.#running.add(task);
  }

  async #relay(message: RpcMessage, text: string, signal: AbortSignal): Promise<void> {
    if (!(await this.#limit.enter(signal))) return this.#fail(message, signal, `More than ${MAX_IN_FLIGHT + MAX_WAITING} requests are waiting.`);
    try {
      for await (const line of postMessage(this.#target, message, text, this.#negotiated, signal)) {
        if (signal.aborted) return;
        if (message.method === 'initialize') this.#noteVersion(line);
        await this.#write(line);
      }
    } catch (error) {
      await this.#fail(message, signal, `The Polymnia server could not be reached or broke off (${reasonOf(error)}).`);
    } finally {
      this.#limit.leave();
    }
  }

  #noteVersion(line: string): void {
    const result = toRpcMessage(parseJson(line))?.result;
    if (isRecord(result) && typeof result['protocolVersion'] === 'string') this.#negotiated = result['protocolVersion'];
  }

  /** Answers a failed request; what was cancelled gets no answer, as the protocol wants it. */
  async #fail(message: RpcMessage, signal: AbortSignal, text: string): Promise<void> {
    if (message.id !== undefined && !signal.aborted) await this.#write(rpcErrorLine(message.id, RPC_ERROR.server, text));
  }

  async #write(line: string): Promise<void> {
    if (this.#stop.signal.aborted || this.#stdout.write(`${line}\n`)) return;
    this.#drained ??= this.#drain();
    await this.#drained;
  }

  /** One wait for all writers, however many answers the client is slow to take. */
  async #drain(): Promise<void> {
    try {
      await once(this.#stdout, 'drain', { signal: this.#stop.signal });
    } catch (error) {
      // The client closed its end: the same as an end of the bridge.
      if (!this.#stop.signal.aborted) this.#stop.abort(error);
    } finally {
      this.#drained = undefined;
    }
  }
}

/** The system's code of a network failure; messages may hold addresses and are left out. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : undefined;
  if (isRecord(cause) && typeof cause['code'] === 'string') return cause['code'];
  return error instanceof RangeError ? error.message : 'network error';
}
