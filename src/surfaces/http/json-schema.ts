/** A JSON schema (draft 2020-12), or a part of an OpenAPI document. */
export type JsonSchema = Readonly<Record<string, unknown>>;

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as a schema; what is none (also the schema `true`) accepts anything, as `{}` does. */
export function asSchema(value: unknown): JsonSchema {
  return isSchema(value) ? value : {};
}

/** A keyword's value that maps names to schemas, as `properties` and `$defs` do; absent = empty. */
export function schemaMap(value: unknown): Readonly<Record<string, JsonSchema>> {
  return Object.fromEntries(Object.entries(asSchema(value)).map(([name, child]) => [name, asSchema(child)]));
}

/** A keyword's value that lists texts, as `required` does; absent = empty. */
export function textList(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
