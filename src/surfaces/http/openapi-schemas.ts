import { asSchema, type JsonSchema, schemaMap } from './json-schema.ts';

/** Collects named schemas for `components.schemas`. */
export type SchemaRegistry = Map<string, JsonSchema>;

/** `store_memory` → `StoreMemory`. */
export function pascalCase(name: string): string {
  return name.replaceAll(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * Puts a schema into the registry under `name` and answers with a reference to it. A schema of zod is a document of its
 * own; in OpenAPI its `$defs` become components, and references to them, or to itself, point there.
 */
export function registerSchema(registry: SchemaRegistry, name: string, schema: JsonSchema): JsonSchema {
  const { $schema: _dialect, $defs, ...own } = schema;
  const definitions = schemaMap($defs);
  const componentOf = (reference: string): string => {
    const local = reference.startsWith('#/$defs/') ? `${name}_${reference.slice('#/$defs/'.length).replaceAll(/\W/g, '')}` : name;
    return `#/components/schemas/${local}`;
  };
  for (const [key, definition] of Object.entries(definitions)) {
    registry.set(`${name}_${key.replaceAll(/\W/g, '')}`, asSchema(rewritten(definition, componentOf)));
  }
  registry.set(name, asSchema(rewritten(own, componentOf)));
  return { $ref: `#/components/schemas/${name}` };
}

/** Keywords whose object value maps free names to schemas: a property may well be called `$ref`. */
const NAME_MAPS: ReadonlySet<string> = new Set(['properties', 'patternProperties', '$defs']);
/** Keywords whose value is data, not schema. */
const DATA: ReadonlySet<string> = new Set(['const', 'enum', 'default', 'examples', 'required']);

function rewritten(value: unknown, componentOf: (reference: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => rewritten(item, componentOf));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]: readonly [string, unknown]) => {
      if (key === '$ref' && typeof child === 'string') return [key, componentOf(child)];
      if (DATA.has(key)) return [key, child];
      return [key, NAME_MAPS.has(key) ? rewrittenMap(child, componentOf) : rewritten(child, componentOf)];
    }),
  );
}

function rewrittenMap(value: unknown, componentOf: (reference: string) => string): unknown {
  return Object.fromEntries(Object.entries(schemaMap(value)).map(([key, child]) => [key, rewritten(child, componentOf)]));
}
