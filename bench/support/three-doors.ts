import { z } from 'zod';

/** Somebody who chats: with a key of their own, or through a service that names them. */
export interface Talker {
  readonly key: string;
  readonly onBehalfOf?: string;
}

export interface DoorServer {
  readonly url: string;
}

/** Says something in a conversation of that name, or in a new one; answers with what the model said. Throws when it is refused. */
type Say = (server: DoorServer, talker: Talker, message: string, conversation?: string) => Promise<string>;

const CALL_LIMIT_MS = 60_000;
const completion = z.object({ choices: z.array(z.object({ message: z.object({ content: z.string() }) })).min(1) });
const response = z.object({ response: z.string() });
const chat = z.object({ text: z.string() });

/** The doors a user can chat through, by their paths. */
export const DOORS: Readonly<Record<string, Say>> = {
  '/v1/chat/completions': async (server, talker, message, conversation) => {
    const headers = { ...namedBy(talker), ...(conversation === undefined ? {} : { 'x-conversation-id': conversation }) };
    const answer = await post(server, talker, '/v1/chat/completions', { messages: [{ role: 'user', content: message }] }, headers);
    return completion.parse(answer).choices[0]?.message.content ?? '';
  },
  // Without a conversation this door goes on with the standing one: a new name makes a new one.
  '/api/chat': async (server, talker, message, conversation = crypto.randomUUID()) => {
    const user = talker.onBehalfOf === undefined ? {} : { userId: talker.onBehalfOf };
    return response.parse(await post(server, talker, '/api/chat', { ...user, message, conversationId: conversation })).response;
  },
  '/api/v1/chat': async (server, talker, message, conversation) => {
    const body = { message, ...(conversation === undefined ? {} : { conversation }) };
    return chat.parse(await post(server, talker, '/api/v1/chat', body, namedBy(talker))).text;
  },
};

function namedBy({ onBehalfOf }: Talker): Readonly<Record<string, string>> {
  return onBehalfOf === undefined ? {} : { 'x-polymnia-user': onBehalfOf };
}

async function post(
  server: DoorServer,
  { key }: Talker,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const answer = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { ...headers, authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(CALL_LIMIT_MS),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text.slice(0, 300)}`);
  return JSON.parse(text);
}
