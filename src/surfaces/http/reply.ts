import type { Context } from 'hono';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** What the node server hands over beside a request; absent when an app is called without a socket. */
export interface HttpEnv {
  readonly Bindings: { readonly incoming?: IncomingMessage; readonly outgoing?: ServerResponse };
}

export type HttpContext = Context<HttpEnv>;

/** Header names in lower case, so that a later value replaces an earlier one. */
export type ReplyHeaders = Readonly<Record<string, string>>;

/** An answer before security headers and request id are added. A plain object, so that the node server can send it without building `Headers`. */
export interface Reply {
  readonly status: number;
  readonly headers: ReplyHeaders;
  readonly body: string | ReadableStream<Uint8Array> | null;
}

/** One request on its way through the surface. */
export interface Exchange {
  readonly context: HttpContext;
  readonly request: Request;
  readonly requestId: string;
}

/** Answers one request; what it throws becomes a problem document. */
export type Endpoint = (exchange: Exchange) => Promise<Reply | Response>;

/** Cuts the connection of a client that does not take its answer; false without a socket to cut. */
export function dropConnection(context: HttpContext): boolean {
  // Without a socket `env` is undefined, whatever its type says.
  const env = context.env as HttpEnv['Bindings'] | undefined;
  if (env?.outgoing === undefined) return false;
  env.outgoing.destroy();
  return true;
}

/** The node request behind a context, when there is a socket. */
export function incomingOf(context: HttpContext): IncomingMessage | undefined {
  return (context.env as HttpEnv['Bindings'] | undefined)?.incoming;
}

/** A JSON answer that no cache keeps. */
export function jsonReply(value: unknown, headers: ReplyHeaders = {}): Reply {
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(value) ?? 'null',
  };
}

/** A fixed text that clients may keep but must ask about again. */
export function textReply(contentType: string, body: string, headers: ReplyHeaders = {}): Reply {
  return { status: 200, headers: { 'content-type': contentType, 'cache-control': 'no-cache', ...headers }, body };
}
