export { createMcpEndpoint, type McpEndpoint, type McpEndpointDeps } from './mcp-endpoint.ts';
export type { McpExchange } from './mcp-exchange.ts';
