/** A server and the key its first user got. */
export interface FirstRun {
  /** Base URL, e.g. `http://127.0.0.1:4100`. */
  readonly url: string;
  readonly key: string;
}

/**
 * What to show once, at the very first start: the key, and lines ready to be pasted for Claude Code, Cursor, VS Code and
 * curl. Plain text without colours; it holds the secret, so it belongs on a terminal, never in a log.
 */
export function firstRunLines({ url, key }: FirstRun): readonly string[] {
  const server = { url: `${url}/mcp`, headers: { Authorization: `Bearer ${key}` } };
  const json = `-H "Content-Type: application/json"`;
  return [
    '',
    'Your key, shown this once:',
    '',
    `  ${key}`,
    '',
    'Claude Code',
    `  claude mcp add --transport http polymnia ${server.url} --scope user --header "Authorization: Bearer ${key}"`,
    '',
    'Cursor (~/.cursor/mcp.json)',
    `  ${JSON.stringify({ mcpServers: { polymnia: server } })}`,
    '',
    'VS Code (a shell, or "MCP: Open User Configuration")',
    `  code --add-mcp '${JSON.stringify({ name: 'polymnia', type: 'http', ...server })}'`,
    `  ${JSON.stringify({ servers: { polymnia: { type: 'http', ...server } } })}`,
    '',
    'curl: store, then retrieve',
    `  curl -sS ${url}/api/v1/memories -H "Authorization: Bearer ${key}" ${json} -d '{"content":"The demo is on Friday."}'`,
    `  curl -sS ${url}/api/v1/memories/retrieve -H "Authorization: Bearer ${key}" ${json} -d '{"query":"When is the demo?"}'`,
    '',
    'These lines hold your key: keep them out of repositories. Keys for others, or another for you:',
    '  bin/polymnia user create ann && bin/polymnia key create laptop --user ann',
    '',
  ];
}
