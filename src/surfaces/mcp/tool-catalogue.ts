import type { Tool, ToolAnnotations } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { BoundOperation } from '../../kernel/operation.ts';

/** The tools a server offers: listed in the order of the registry, found by name. */
export interface ToolCatalogue {
  readonly tools: readonly Tool[];
  find(name: string): CatalogueEntry | undefined;
}

/** One operation and its definition as clients see it. */
export interface CatalogueEntry {
  readonly operation: BoundOperation;
  readonly tool: Tool;
}

/**
 * Turns operations into tool definitions, once: JSON Schemas cost far more to derive than a call costs to run.
 * Operations hidden from models are neither listed nor found. Throws for a schema that JSON Schema cannot express.
 */
export function createToolCatalogue(operations: readonly BoundOperation[]): ToolCatalogue {
  const entries = new Map<string, CatalogueEntry>();
  for (const operation of operations) {
    if (operation.hiddenFromModels !== true) entries.set(operation.name, { operation, tool: toTool(operation) });
  }
  return { tools: [...entries.values()].map((entry) => entry.tool), find: (name) => entries.get(name) };
}

function toTool(operation: BoundOperation): Tool {
  const { deprecated } = operation;
  return {
    name: operation.name,
    title: operation.title,
    description: deprecated === undefined ? operation.description : `${operation.description} Deprecated: use ${deprecated.use}.`,
    inputSchema: { ...toJsonSchema(operation.input, 'input'), type: 'object' },
    outputSchema: toJsonSchema(operation.output, 'output'),
    annotations: toAnnotations(operation),
    ...(deprecated === undefined ? {} : { _meta: { 'polymnia/deprecated': { ...deprecated } } }),
  };
}

function toAnnotations(operation: BoundOperation): ToolAnnotations {
  return {
    readOnlyHint: operation.effect === 'read',
    destructiveHint: operation.effect === 'destructive',
    idempotentHint: operation.idempotent ?? operation.effect === 'read',
    openWorldHint: false,
  };
}

/**
 * Draft 2020-12 without `$schema`: it is the protocol's own default, and validators of older clients refuse to
 * compile a dialect they do not know. Outputs stay open, so that a client with a cached list survives a new field.
 */
function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, {
    io,
    override: ({ jsonSchema }) => {
      if (io === 'output' && saysNothing(jsonSchema.additionalProperties)) delete jsonSchema.additionalProperties;
    },
  });
  return json;
}

/** Closed, or open in the long way `{}`, which linters take for an oversight. */
function saysNothing(schema: unknown): boolean {
  return schema === false || (typeof schema === 'object' && schema !== null && Object.keys(schema).length === 0);
}
