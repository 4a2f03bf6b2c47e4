import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { memoryOperations } from './index.ts';

describe('memory operations', () => {
  it('are the twelve of the design, each with its own route', () => {
    expect(memoryOperations.map(({ name }) => name).toSorted()).toEqual([
      'delete_memory',
      'export_memories',
      'forget_memories',
      'get_memory',
      'import_memories',
      'list_tags',
      'memory_stats',
      'retrieve_memory',
      'search_memory',
      'store_memories',
      'store_memory',
      'update_memory',
    ]);
    const routes = memoryOperations.map(({ http }) => `${http.method} ${http.path}`);
    expect(new Set(routes).size).toBe(routes.length);
    expect(routes.indexOf('GET /memories/stats')).toBeLessThan(routes.indexOf('GET /memories/{id}'));
  });

  it.each(memoryOperations.map((operation) => [operation.name, operation] as const))(
    '%s has schemas that JSON Schema can say',
    (_name, operation) => {
      expect(z.toJSONSchema(operation.input, { io: 'input' })).toMatchObject({ type: 'object', additionalProperties: false });
      expect(z.toJSONSchema(operation.output, { io: 'output' })).toMatchObject({ type: 'object' });
    },
  );

  it('need the scope and role of what they do, and name no user', () => {
    for (const { effect, scope, target, input } of memoryOperations) {
      expect(scope).toBe(effect === 'read' ? 'memory:read' : 'memory:write');
      expect('role' in target && target.role).toBe(effect === 'read' ? 'reader' : 'editor');
      expect(Object.keys(input.shape).filter((field) => /user|owner|author/i.test(field))).toEqual([]);
    }
  });

  it('cost the rate by their size', () => {
    const many = memoryOperations.find(({ name }) => name === 'store_memories');
    expect([1, 10, 11, 100].map((length) => many?.rateCost?.({ items: Array.from({ length }) }))).toEqual([1, 1, 2, 10]);
  });
});
