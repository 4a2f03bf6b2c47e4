import { createMcpHandler, Server } from '@modelcontextprotocol/server';
import { z } from 'zod';
const inp = z.object({ q: z.string().max(1000), n: z.int().default(5) });
const stubValidator = { getValidator: () => (v: any) => ({ valid: true as const, data: v, errorMessage: undefined }) };
function mk(shared: boolean) {
  return createMcpHandler(() => {
    const s = new Server({ name: 'x', version: '0' }, { capabilities: { tools: {} }, ...(shared ? { jsonSchemaValidator: stubValidator as any } : {}) });
    s.setRequestHandler('tools/call', async (r: any, ctx: any) => {
      const p = inp.parse(r.params.arguments);
      const out = { text: p.q, n: p.n };
      return { structuredContent: out, content: [{ type: 'text' as const, text: JSON.stringify(out) }] };
    });
    return s;
  });
}
const M = (id: number) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'echo', arguments: { q: 'hello' }, _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientInfo': { name: 'b', version: '1' }, 'io.modelcontextprotocol/clientCapabilities': {} } } });
const L = (id: number) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'echo', arguments: { q: 'hello' } } });
async function run(label: string, h: any, modern: boolean, pre: boolean) {
  const go = async (i: number) => {
    const msg = modern ? M(i) : L(i); const text = JSON.stringify(msg);
    const req = new Request('http://x/mcp', { method: 'POST', body: text, headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...(modern ? { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' } : { 'mcp-protocol-version': '2025-11-25' }) } });
    const res = await h.fetch(req, pre ? { parsedBody: JSON.parse(await req.text()) } : undefined);
    return await res.text();
  };
  for (let i = 0; i < 2000; i++) await go(i);
  const c = process.cpuUsage(); const N = 4000;
  for (let i = 0; i < N; i++) await go(i);
  const u = process.cpuUsage(c); console.log(label, Math.round((u.user + u.system) / N), await go(1));
}
const base = async () => { for (let k = 0; k < 2; k++) { const c = process.cpuUsage(); for (let i = 0; i < 4000; i++) { const req = new Request('http://x/mcp', { method: 'POST', body: JSON.stringify(M(i)), headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' } }); JSON.parse(await req.text()); await Response.json({ a: 1 }).text(); } const u = process.cpuUsage(c); console.log('floor req+res', (u.user + u.system) / 4000); } };
await base();
await run('modern', mk(false), true, false);
await run('modern pre', mk(false), true, true);
await run('modern pre shared', mk(true), true, true);
await run('legacy pre', mk(false), false, true);
await run('legacy pre shared', mk(true), false, true);
