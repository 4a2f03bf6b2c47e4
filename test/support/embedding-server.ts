import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What an embedding server was asked. */
export interface EmbeddingRequest {
  readonly model: string;
  readonly input: readonly string[];
}

/** An OpenAI-compatible embeddings endpoint on a socket of its own, whose model knows which words mean the same. */
export interface EmbeddingServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly EmbeddingRequest[];
  /** `dead`: every connection is cut; `deaf`: nothing is ever answered. */
  mood: 'well' | 'dead' | 'deaf';
}

/** Each group is one meaning: texts with words of the same groups get vectors of the same direction. */
export async function openEmbeddingServer(meanings: readonly RegExp[]): Promise<EmbeddingServer> {
  const requests: EmbeddingRequest[] = [];
  const vectorOf = (text: string): readonly number[] => [...meanings.map((words) => (text.match(words) ?? []).length), 0.1];
  const server = createServer((request, response) => {
    if (state.mood === 'dead') return void request.socket.destroy();
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const asked = JSON.parse(Buffer.concat(parts).toString('utf8')) as EmbeddingRequest;
      requests.push(asked);
      if (state.mood === 'deaf') return;
      const data = asked.input.map((text, index) => ({ object: 'embedding', index, embedding: vectorOf(text) }));
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ object: 'list', data, usage: {} }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const state: EmbeddingServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    mood: 'well',
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return state;
}
