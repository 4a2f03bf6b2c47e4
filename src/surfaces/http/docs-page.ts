import { PAGE_POLICY } from './guards.ts';
import { type Endpoint, textReply } from './reply.ts';

/** The documentation page and its two files: all its own, nothing inline, nothing from elsewhere. */
const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Polymnia API</title>
<link rel="icon" href="/docs/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/style.css">
<script src="/docs/app.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to operations</a>
<header><h1>Polymnia API</h1><p id="summary" role="status">Loading…</p>
<p class="soft">Send your key as <code>Authorization: Bearer pmn_…</code>. Assistants reach the same operations over MCP at <code>/mcp</code>.
For machines: <a href="/openapi.json">OpenAPI document</a>.</p>
<p><label>Filter <input id="filter" type="search" autocomplete="off" spellcheck="false"></label> <span id="found" class="soft" role="status"></span></p></header>
<main id="main"><noscript>This page needs JavaScript; <a href="/openapi.json">the document it shows</a> does not.</noscript></main>
</body>
</html>
`;

const STYLE = `:root{--ink:#1c1b22;--soft:#5c5a66;--line:#d9d7e0;--ground:#fff;--panel:#f6f5f9;--accent:#5b3fc4;--get:#1b6e3c;--post:#8a4b00;--delete:#a3182c}
@media (prefers-color-scheme:dark){:root{--ink:#eceaf2;--soft:#a9a6b5;--line:#3a3845;--ground:#16151b;--panel:#201f27;--accent:#b6a3ff;--get:#7fd6a0;--post:#f0b86a;--delete:#ff98a5}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1.5rem 1rem 4rem;background:var(--ground);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}
h1{margin:0;font-size:1.9rem}h2{margin:2.2rem 0 .2rem;font-size:1.25rem;text-transform:capitalize}h3{margin:1rem 0 .3rem;font-size:.95rem}
a{color:var(--accent)}p{margin:.4rem 0}.soft,#summary{color:var(--soft)}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
input{font:inherit;color:inherit;background:var(--panel);border:1px solid var(--line);border-radius:.4rem;padding:.35rem .6rem;width:min(20rem,100%)}
details{border:1px solid var(--line);border-radius:.6rem;margin:.5rem 0;background:var(--panel)}
summary{cursor:pointer;padding:.55rem .8rem;display:flex;gap:.7rem;flex-wrap:wrap;align-items:baseline}
summary .name{margin-left:auto}details{scroll-margin-top:1rem}
details>div{padding:0 .9rem .9rem}
.method{font:600 .8rem ui-monospace,monospace;min-width:4rem}.GET{color:var(--get)}.POST,.PUT,.PATCH{color:var(--post)}.DELETE{color:var(--delete)}
code,pre{font:.86rem/1.5 ui-monospace,monospace}pre{overflow-x:auto;background:var(--ground);border:1px solid var(--line);border-radius:.4rem;padding:.7rem;margin:.3rem 0}
td p{margin:0}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);font-size:.92rem}
@media (max-width:40rem){thead{position:absolute;left:-99rem}tr{display:block;padding:.35rem 0;border-bottom:1px solid var(--line)}td{display:inline-block;border:0;padding:0 .6rem 0 0}td:last-child{display:block}summary .name{margin-left:0}}
button{font:inherit;font-size:.85rem;color:var(--ground);background:var(--accent);border:0;border-radius:.4rem;padding:.25rem .7rem;cursor:pointer}
`;

const SCRIPT = `'use strict';
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const main = document.getElementById('main');
const summary = document.getElementById('summary');

/** An element with attributes and children; texts only ever become text nodes. */
function el(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== undefined));
  return node;
}

/** Text in which what stands between backticks (u0060) is code. */
function prose(name, text) {
  return el(name, {}, ...text.split('\\u0060').map((part, at) => (at % 2 === 1 ? el('code', {}, part) : part)));
}

function deref(api, value) {
  let found = value;
  for (let hops = 0; found && found.$ref && hops < 8; hops++) {
    found = found.$ref.slice(2).split('/').reduce((at, key) => at && at[key], api);
  }
  return found || {};
}

function typeName(api, schema, depth) {
  const s = deref(api, schema);
  if (depth > 3) return 'any';
  if ('const' in s) return JSON.stringify(s.const);
  if (s.enum) return s.enum.map((value) => JSON.stringify(value)).join(' | ');
  const union = s.anyOf || s.oneOf;
  if (union) return union.map((part) => typeName(api, part, depth + 1)).join(' | ');
  if (s.type === 'array') return typeName(api, s.items, depth + 1) + '[]';
  return [].concat(s.type || 'any').join(' | ');
}

function fieldRows(api, operation) {
  const schemaOf = (p) => p.schema || Object.values(p.content || {})[0].schema;
  const parameters = (operation.parameters || []).map((p) => deref(api, p));
  const rows = parameters.map((p) => [p.name, p.in, typeName(api, schemaOf(p), 0), p.required, p.description]);
  const body = deref(api, jsonBody(operation));
  for (const [name, schema] of Object.entries(body.properties || {})) {
    rows.push([name, 'body', typeName(api, schema, 0), (body.required || []).includes(name), deref(api, schema).description]);
  }
  return rows;
}

function jsonBody(operation) {
  const content = operation.requestBody && operation.requestBody.content['application/json'];
  return content && content.schema;
}

function table(head, rows) {
  const cells = (tag, row) => el('tr', {}, ...row.map((cell) => el(tag, tag === 'th' ? { scope: 'col' } : {}, cell)));
  return el('div', { class: 'scroll' }, el('table', {}, el('thead', {}, cells('th', head)), el('tbody', {}, ...rows.map((row) => cells('td', row)))));
}

function sample(api, schema, depth) {
  const s = deref(api, schema);
  if (s.examples) return s.examples[0];
  if ('default' in s) return s.default;
  if ('const' in s) return s.const;
  if (s.enum) return s.enum[0];
  if (s.anyOf || s.oneOf) return sample(api, (s.anyOf || s.oneOf)[0], depth + 1);
  if (s.type === 'array') return depth > 3 ? [] : [sample(api, s.items, depth + 1)];
  if (s.type === 'integer' || s.type === 'number') return s.minimum > 0 ? s.minimum : 1;
  if (s.type === 'boolean') return true;
  if (s.type !== 'object' || depth > 3) return s.type === 'object' ? {} : '…';
  const needed = Object.entries(s.properties || {}).filter(([name]) => (s.required || []).includes(name));
  return Object.fromEntries(needed.map(([name, value]) => [name, sample(api, value, depth + 1)]));
}

function quoted(text) {
  return "'" + text.replaceAll("'", "'\\\\''") + "'";
}

function curl(api, method, path, operation) {
  const needed = (operation.parameters || []).map((p) => deref(api, p)).filter((p) => p.in === 'query' && p.required);
  const query = needed.map((p) => p.name + '=' + encodeURIComponent(String(sample(api, p.schema, 0)))).join('&');
  const lines = ['curl -sS ' + (method === 'get' ? '' : '-X ' + method.toUpperCase() + ' ') + quoted(location.origin + path + (query && '?' + query))];
  lines.push("  -H 'Authorization: Bearer '\\"$POLYMNIA_KEY\\"");
  const body = jsonBody(operation);
  const raw = operation.requestBody && Object.keys(operation.requestBody.content).find((type) => type !== 'application/json');
  if (raw) lines.push('  -H ' + quoted('Content-Type: ' + raw), '  --data-binary @FILE');
  else if (body) lines.push("  -H 'Content-Type: application/json'", '  -d ' + quoted(JSON.stringify(sample(api, body, 0))));
  return lines.join(' \\\\\\n');
}

function copyButton(text) {
  const button = el('button', { type: 'button' }, 'Copy');
  button.addEventListener('click', () => navigator.clipboard.writeText(text).then(() => (button.textContent = 'Copied'), () => (button.textContent = 'Select and copy')));
  return button;
}

function card(api, method, path, operation) {
  const rows = fieldRows(api, operation).map(([name, where, type, isRequired, text]) => [el('code', {}, name), where, el('code', {}, type), isRequired ? 'yes' : '', prose('p', text || '')]);
  const answers = Object.entries(operation.responses).map(([status, answer]) => [el('code', {}, status), prose('p', deref(api, answer).description)]);
  const line = curl(api, method, path, operation);
  const head = el('summary', {}, el('span', { class: 'method ' + method.toUpperCase() }, method.toUpperCase()), el('code', {}, path), el('span', { class: 'soft' }, operation.summary), el('code', { class: 'soft name' }, operation.operationId));
  const text = operation.description.split('\\n\\n').map((part) => prose('p', part));
  const fields = rows.length === 0 ? [] : [el('h3', {}, 'Input'), table(['Field', 'Where', 'Type', 'Required', 'Meaning'], rows)];
  const node = el('details', { id: operation.operationId }, head, el('div', {}, ...text, el('h3', {}, 'Try it'), el('pre', { tabindex: '0' }, line), copyButton(line), ...fields, el('h3', {}, 'Answers'), table(['Status', 'Meaning'], answers)));
  node.dataset.text = [operation.operationId, path, operation.summary].join(' ').toLowerCase();
  return node;
}

function show(api) {
  summary.textContent = api.info.summary + ' Version ' + api.info.version + '.';
  for (const tag of api.tags) {
    const cards = Object.entries(api.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => item[method] && item[method].tags.includes(tag.name)).map((method) => card(api, method, path, item[method])),
    );
    main.append(el('section', {}, el('h2', {}, tag.name), el('p', { class: 'soft' }, tag.description), ...cards));
  }
  follow();
}

/** Opens and shows the operation the address names. */
function follow() {
  const target = document.getElementById(location.hash.slice(1));
  if (!target || target.tagName !== 'DETAILS') return;
  target.open = true;
  target.scrollIntoView();
}

addEventListener('hashchange', follow);

document.getElementById('filter').addEventListener('input', (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  let found = 0;
  for (const node of document.querySelectorAll('details')) {
    node.hidden = !node.dataset.text.includes(wanted);
    if (!node.hidden) found += 1;
  }
  document.getElementById('found').textContent = wanted === '' ? '' : found === 1 ? '1 operation' : found + ' operations';
  for (const node of document.querySelectorAll('section')) node.hidden = !node.querySelector('details:not([hidden])');
});

fetch('/openapi.json').then((answer) => answer.json()).then(show).catch(() => {
  summary.textContent = 'The document could not be loaded; reload the page to try again.';
});
`;

const page = (contentType: string, body: string): Endpoint => {
  const reply = textReply(`${contentType}; charset=utf-8`, body, { 'content-security-policy': PAGE_POLICY });
  return () => Promise.resolve(reply);
};

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#5b3fc4"/><path d="M5 13V4h4a2.6 2.6 0 0 1 0 5.2H5" fill="none" stroke="#fff" stroke-width="2"/></svg>
`;

/** Whoever opens the bare address in a browser wants the page. */
const toPage: Endpoint = () => Promise.resolve({ status: 302, headers: { location: '/docs' }, body: null });

/** The page at `/docs`, its files, and the way there: path and endpoint of each. */
export const docsEndpoints: readonly (readonly [string, Endpoint])[] = [
  ['/', toPage],
  ['/docs', page('text/html', HTML)],
  ['/docs/style.css', page('text/css', STYLE)],
  ['/docs/icon.svg', page('image/svg+xml', ICON)],
  ['/docs/app.js', page('text/javascript', SCRIPT)],
];
