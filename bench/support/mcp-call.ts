import type { WireRequest } from '../../src/surfaces/cli/load/mix.ts';

export type McpRevision = '2025-11-25' | '2026-07-28';

const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
const CLIENT_KEY = 'io.modelcontextprotocol/clientInfo';
const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities';

/** Tool calls by Streamable HTTP as plain requests, so that the client's own cost stays out of what is measured. */
export interface ToolCalls {
  readonly headers: (tool: string) => Readonly<Record<string, string>>;
  readonly request: (tool: string, input: object) => WireRequest;
}

export function toolCall(revision: McpRevision, key: string): ToolCalls {
  let id = 0;
  const isNew = revision === '2026-07-28';
  const meta = isNew ? { _meta: { [VERSION_KEY]: revision, [CLIENT_KEY]: { name: 'bench', version: '1' }, [CAPABILITIES_KEY]: {} } } : {};
  return {
    headers: (tool) => ({
      authorization: `Bearer ${key}`,
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': revision,
      ...(isNew ? { 'mcp-method': 'tools/call', 'mcp-name': tool } : {}),
    }),
    request: (tool, input) => ({
      method: 'POST',
      path: '/mcp',
      body: JSON.stringify({ jsonrpc: '2.0', id: ++id, method: 'tools/call', params: { name: tool, arguments: input, ...meta } }),
    }),
  };
}
