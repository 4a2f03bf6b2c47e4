import { expect, test } from 'vitest';
import { firstRunLines } from './first-run.ts';

const lines = firstRunLines({ url: 'http://127.0.0.1:4100', key: 'pmn_secret' });

test('the lines to paste are whole: JSON parses, every client gets address and key', () => {
  const objects = lines.flatMap((line) => /\{.*\}/.exec(line)?.[0] ?? []).map((json) => JSON.parse(json) as Record<string, unknown>);
  const server = { url: 'http://127.0.0.1:4100/mcp', headers: { Authorization: 'Bearer pmn_secret' } };
  expect(objects).toEqual([
    { mcpServers: { polymnia: server } },
    { name: 'polymnia', type: 'http', ...server },
    { servers: { polymnia: { type: 'http', ...server } } },
    { content: expect.any(String) as string },
    { query: expect.any(String) as string },
  ]);
  expect(lines.filter((line) => line.includes('claude mcp add --transport http polymnia http://127.0.0.1:4100/mcp'))).toHaveLength(1);
});
