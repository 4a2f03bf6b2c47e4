import { startServer } from './src/app/server.ts';
import { settingsWith } from './src/config/settings.ts';
import { createPinoLogger } from './src/app/pino-logger.ts';
import { mkdtempSync, rmSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
const dir = mkdtempSync('/tmp/pmn-');
let logs = '';
const server = await startServer(settingsWith({ DATA_DIR: dir, PORT: 0, RATE_LIMIT_ADMIN_PER_MIN: 1000 } as never), createPinoLogger('info', { write: (l: string) => void (logs += l) }), { checkOutputs: true });
const url = new URL(server.url);
const call = async (method: string, path: string, body?: unknown, key = server.firstKey!, headers: Record<string, string> = {}) => {
  const r = await fetch(server.url + '/api/v1' + path, { method, headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const text = await r.text(); let json: any; try { json = JSON.parse(text); } catch {}
  return { status: r.status, json, text, headers: r.headers };
};
const show = (n: string, r: { status: number; text: string }) => console.log(n, r.status, r.text.slice(0, 260));
const ALL = ['memory:read', 'memory:write', 'keys:manage', 'spaces:manage', 'on_behalf'];
const mk = async (name: string, scopes = ALL) => { const u = (await call('POST', '/users', { name })).json.user; const k = (await call('POST', '/keys', { userId: u.id, name: 'k', scopes })).json; return { id: u.id as string, key: k.secret as string, keyId: k.key.id as string }; };
const ann = await mk('ann'); const bob = await mk('bob');
// 1. slow upload, revoke in the middle
const raw = (text: string) => { const s = connect(Number(url.port), url.hostname); let seen = ''; s.setEncoding('latin1').on('data', (d) => (seen += d)); s.on('error', () => {}); s.write(text); return { s, get seen() { return seen; }, closed: new Promise<void>((r) => s.on('close', () => r())) }; };
const lines = '{"content":"late line"}\n';
const up = raw(`POST /api/v1/memories/import HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${ann.key}\r\nContent-Type: application/x-ndjson\r\nContent-Length: ${lines.length}\r\nConnection: close\r\n\r\n${lines.slice(0, 5)}`);
const body = '{"content":"late store"}';
const st = raw(`POST /api/v1/memories HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${ann.key}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body.slice(0, 5)}`);
const mb = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"store_memory","arguments":{"content":"late mcp"}}}';
const mc = raw(`POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${ann.key}\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\nContent-Length: ${mb.length}\r\nConnection: close\r\n\r\n${mb.slice(0, 5)}`);
await new Promise((r) => setTimeout(r, 200));
show('revoke', await call('DELETE', `/keys/${ann.keyId}`));
up.s.write(lines.slice(5)); st.s.write(body.slice(5)); mc.s.write(mb.slice(5));
await Promise.all([up.closed, st.closed, mc.closed]);
for (const x of [up, st, mc]) console.log('after revoke:', x.seen.split('\r\n')[0], /gone|created/.exec(x.seen)?.[0]);
console.log('spool left', readdirSync(dir), readdirSync(dir + '/imports').length);
// 2. privilege
show('bob wider key', await call('POST', '/keys', { name: 'x', scopes: ['admin'] }, bob.key));
show('bob key for ann', await call('POST', '/keys', { name: 'x', userId: ann.id }, bob.key));
const lim = (await call('POST', '/keys', { name: 'lim', scopes: ['keys:manage', 'memory:read'], expiresAt: new Date(Date.now() + 60_000).toISOString() }, bob.key)).json;
show('child longer', await call('POST', '/keys', { name: 'x', scopes: ['memory:read'], expiresAt: new Date(Date.now() + 600_000).toISOString() }, lim.secret));
show('child none', await call('POST', '/keys', { name: 'x', scopes: ['memory:read'] }, lim.secret));
show('child scope', await call('POST', '/keys', { name: 'x', scopes: ['memory:write'] }, lim.secret));
// 3. shared space, roles
const cat = await mk('cat');
const sp = (await call('POST', '/spaces', { name: 'team' }, bob.key)).json.space;
await call('PUT', `/spaces/${sp.id}/members/${cat.id}`, { role: 'reader' }, bob.key);
show('reader store', await call('POST', '/memories', { content: 'x', space: sp.id }, cat.key));
show('reader import', await call('POST', '/memories/import', { data: '{"content":"x"}', space: sp.id }, cat.key));
show('reader forget', await call('POST', '/memories/forget', { all: true, dryRun: true, space: sp.id }, cat.key));
show('reader set member', await call('PUT', `/spaces/${sp.id}/members/${cat.id}`, { role: 'owner' }, cat.key));
await call('PUT', `/spaces/${sp.id}/members/${cat.id}`, { role: 'editor' }, bob.key);
show('editor set member', await call('PUT', `/spaces/${sp.id}/members/${cat.id}`, { role: 'owner' }, cat.key));
show('editor delete space', await call('DELETE', `/spaces/${sp.id}`, undefined, cat.key));
show('editor list audit', await call('GET', `/audit`, undefined, cat.key));
const m = (await call('POST', '/memories', { content: 'in team', space: sp.id }, bob.key)).json;
// forged id: own space key + foreign uuid
const { parseRecordId, formatRecordId } = await import('./src/kernel/ids.ts');
const own = (await call('POST', '/memories', { content: 'cats own' }, cat.key)).json;
const mix = formatRecordId({ kind: 'mem', space: parseRecordId('mem', own.id)!.space, uuid: parseRecordId('mem', m.id)!.uuid });
show('mixed id get', await call('GET', `/memories/${mix}`, undefined, cat.key));
show('mixed id del', await call('DELETE', `/memories/${mix}`, undefined, cat.key));
show('mixed id patch', await call('PATCH', `/memories/${mix}`, { content: 'z' }, cat.key));
// idempotency across users and surfaces
const idem = { 'idempotency-key': 'same' };
const i1 = await call('POST', '/memories', { content: 'idem', space: sp.id }, bob.key, idem); const i2 = await call('POST', '/memories', { content: 'idem2', space: sp.id }, cat.key, idem);
console.log('idem', i1.status, i2.status, i1.json.id !== i2.json.id);
// on behalf
const svc = await mk('svc');
show('obh', await call('GET', '/whoami', undefined, svc.key, { 'x-polymnia-user': 'guest' }));
show('obh id of ann', await call('GET', '/whoami', undefined, svc.key, { 'x-polymnia-user': ann.id }));
show('obh keys', await call('GET', '/keys', undefined, svc.key, { 'x-polymnia-user': 'guest' }));
show('obh spaces', await call('POST', '/spaces', { name: 'x' }, svc.key, { 'x-polymnia-user': 'guest' }));
show('obh foreign space', await call('GET', `/memories?space=${sp.id}`, undefined, svc.key, { 'x-polymnia-user': 'guest' }));
show('obh empty', await call('GET', '/whoami', undefined, svc.key, { 'x-polymnia-user': '' }));
show('no scope obh', await call('GET', '/whoami', undefined, server.firstKey!.replace(/.$/, 'x'), { 'x-polymnia-user': 'guest' }));
// cursor from another space
for (let n = 0; n < 3; n += 1) { await call('POST', '/memories', { content: `c${n}`, space: sp.id }, bob.key); await call('POST', '/memories', { content: `d${n}` }, cat.key); }
const cur = (await call('GET', `/memories?limit=1&space=${sp.id}`, undefined, bob.key)).json.cursor;
show('foreign cursor', await call('GET', `/memories?limit=1&cursor=${cur}`, undefined, cat.key));
show('foreign importId', await call('POST', '/memories/forget', { importId: 'imp_x', dryRun: true }, cat.key));
// host variants
for (const host of ['localhost', 'LOCALHOST:1', 'localhost.', '127.0.0.1', '[::1]', '[::1]:4', '127.1', '0.0.0.0', 'localhost@evil', 'evil', 'localhost:99999999', '2130706433', '']) { const x = raw(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`); const y = raw(`GET /api/v1/whoami HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`); await Promise.all([x.closed, y.closed]); console.log('host', JSON.stringify(host), x.seen.split('\r\n')[0], '|', y.seen.split('\r\n')[0]); }
for (const origin of ['null', 'http://localhost:3', 'http://evil', 'file://', 'http://localhost.evil', 'https://127.0.0.1', 'http://[::1]']) { const r = await call('GET', '/whoami', undefined, bob.key, { origin }); console.log('origin', origin, r.status, r.headers.get('access-control-allow-origin')); }
for (const [n, t] of [['te+cl', 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n'], ['2 cl', 'Content-Length: 0\r\nContent-Length: 5\r\n\r\n'], ['te x', 'Transfer-Encoding: xchunked\r\n\r\n'], ['cl neg', 'Content-Length: -1\r\n\r\n'], ['obs fold', 'X-A: b\r\n c\r\n\r\n'], ['lf only', 'X-A: b\nX-B: c\r\n\r\n'], ['2 auth', `Authorization: Bearer ${cat.key}\r\n\r\n`], ['abs', '\r\n']] as const) { const x = raw(`POST /api/v1/memories HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${bob.key}\r\nConnection: close\r\n${t}`); await Promise.race([x.closed, new Promise((r) => setTimeout(r, 1500))]); x.s.destroy(); console.log('smuggle', n, x.seen.split('\r\n')[0], x.seen.split('\r\n\r\n')[1]?.slice(0, 150)); }
// public
for (const p of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs', '/api/v1/whoami', '/admin', '/api/v1/admin/lanes', '/mcp', '/.env', '/docs/../../etc/passwd']) { const r = await fetch(server.url + p); console.log('anon', p, r.status, (await r.text()).length, r.headers.get('content-security-policy')?.slice(0, 60)); }
// 401 flood
const bad = 'pmn_' + '0'.repeat(52);
const flood = async (n: number, mkKey: (i: number) => string) => { const t = performance.now(); const c = process.cpuUsage(); for (let b = 0; b < n; b += 50) await Promise.all(Array.from({ length: 50 }, async (_, i) => (await fetch(server.url + '/api/v1/whoami', { headers: { authorization: `Bearer ${mkKey(b + i)}` } })).text())); const d = process.cpuUsage(c); return `${((performance.now() - t) / n * 1000).toFixed(0)} µs wall, ${((d.user + d.system) / n).toFixed(0)} µs cpu (client included)`; };
await flood(500, () => bad);
console.log('401 same', await flood(2000, () => bad)); console.log('401 distinct', await flood(2000, (i) => 'pmn_' + String(i).padStart(52, '0'))); console.log('401 malformed', await flood(2000, () => 'x')); console.log('200 whoami', await flood(2000, () => cat.key));
// delete user while importing
const big = Array.from({ length: 20000 }, (_, i) => JSON.stringify({ content: `row ${i} ${'x'.repeat(200)}` })).join('\n');
const imp = call('POST', '/memories/import', undefined, cat.key); void imp;
const p1 = fetch(server.url + `/api/v1/memories/import?space=${sp.id}`, { method: 'POST', headers: { authorization: `Bearer ${cat.key}`, 'content-type': 'application/x-ndjson' }, body: big }).then(async (r) => `${r.status} ${(await r.text()).slice(0, 200)}`);
await new Promise((r) => setTimeout(r, 400));
show('delete cat', await call('DELETE', `/users/${cat.id}?purgeAuthored=true`));
console.log('import of deleted', await p1);
await new Promise((r) => setTimeout(r, 300));
show('stats after purge', await call('GET', `/memories/stats?space=${sp.id}`, undefined, bob.key));
console.log('secrets in logs?', [bob.key, svc.key, server.firstKey!, 'late store', 'in team'].map((x) => logs.includes(x)));
await server.stop(0);
rmSync(dir, { recursive: true, force: true });
