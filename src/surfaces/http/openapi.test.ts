import { Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ERROR_TABLE } from '../../kernel/errors.ts';
import { Notebook, notebookApp, notebookOperations, request } from './http-test-kit.ts';
import { asSchema } from './json-schema.ts';
import { openApiDocument } from './openapi.ts';

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentOperation>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly tags: readonly { readonly name: string; readonly description: string }[];
}
interface DocumentOperation {
  readonly operationId: string;
  readonly parameters: readonly Readonly<Record<string, unknown>>[];
  readonly requestBody?: unknown;
  readonly responses: Readonly<Record<string, unknown>>;
}

const operations = notebookOperations(new Notebook());
const document = (list = operations): Document => JSON.parse(JSON.stringify(openApiDocument(list, '1.2.3')));

/** Every `$ref` of a document. */
function references(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => (key === '$ref' && typeof child === 'string' ? [child] : references(child)));
}

const follow = (root: unknown, reference: string): unknown =>
  reference
    .slice(2)
    .split('/')
    .reduce<unknown>((at, key) => asSchema(at)[key], root);

describe('the OpenAPI document', () => {
  it('has every operation once, with its parameters, body and errors', () => {
    const { paths, tags } = document();
    const all = Object.values(paths).flatMap((item) => Object.values(item));
    expect(all.map((operation) => operation.operationId).toSorted()).toEqual(operations.map((operation) => operation.name).toSorted());
    expect(Object.keys(paths['/api/v1/notes/{id}'] ?? {}).toSorted()).toEqual(['delete', 'get']);
    expect(paths['/api/v1/notes/search']?.['get']?.parameters).toContainEqual(
      expect.objectContaining({ name: 'metadata', in: 'query', content: { 'application/json': expect.anything() } }),
    );
    expect(paths['/api/v1/notes/import']?.['post']?.requestBody).toMatchObject({ content: { 'application/x-ndjson': expect.anything() } });
    expect(tags).toEqual([{ name: 'notes', description: expect.any(String) }]);
    for (const operation of all) {
      const statuses = Object.keys(operation.responses).map(Number);
      const known = Object.values(ERROR_TABLE).map((row): number => row.status);
      expect(statuses.filter((status) => status !== 200).every((status) => known.includes(status))).toBe(true);
      expect(statuses).toEqual(expect.arrayContaining([200, 400, 401, 403, 429, 500, 503]));
    }
  });

  it('points only to what is there, also from recursive and shared schemas, and keeps nothing unused', () => {
    interface Tree {
      readonly name: string;
      readonly children: readonly Tree[];
    }
    const tree: z.ZodType<Tree> = z.lazy(() => z.object({ name: z.string(), children: z.array(tree) }));
    const [, base] = operations;
    if (base === undefined) throw new Error('no operation');
    const odd = {
      ...base,
      name: 'odd',
      input: z.object({ tree, $ref: z.string().optional() }),
      output: z.object({ tree }),
      http: { method: 'POST', path: '/odd/{tree}/x' },
    } as const;
    const made = document([...operations, odd, { ...odd, name: 'odd_get', http: { method: 'GET', path: '/odd' } }]);
    const targets = references({ paths: made.paths, components: made.components });
    expect(targets.filter((reference) => follow(made, reference) === undefined)).toEqual([]);
    for (const part of ['schemas', 'headers', 'parameters', 'responses']) {
      const names = Object.keys(made.components[part] ?? {});
      expect(names.filter((name) => !targets.includes(`#/components/${part}/${name}`))).toEqual([]);
    }
  });

  it('is served as JSON, the same at every call', async () => {
    const { app } = notebookApp();
    const first = await app.fetch(request('/openapi.json', { key: null }));
    expect(first.headers.get('content-type')).toBe('application/json');
    const text = await first.text();
    expect(JSON.parse(text)).toMatchObject({ openapi: '3.1.0', info: { version: '1.2.3' } });
    expect(await (await app.fetch(request('/openapi.json', { key: null }))).text()).toBe(text);
  });
});

describe('the documentation page', () => {
  it('brings all it needs itself, runs nothing inline, and inserts text only as text', async () => {
    const { app } = notebookApp();
    const page = await app.fetch(request('/docs', { key: null }));
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    const html = await page.text();
    expect(html).not.toMatch(/https?:\/\/|<script>|<style|\son\w+=|style=/);
    for (const file of [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1] ?? '')) {
      expect(await app.fetch(request(file, { key: null }))).toMatchObject({ status: 200 });
    }
    const script = await (await app.fetch(request('/docs/app.js', { key: null }))).text();
    expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function/);
    expect(() => new Script(script)).not.toThrow();
  });
});
