import { z } from 'zod';
import { PolymniaError } from '../../kernel/errors.ts';
import type { BoundOperation } from '../../kernel/operation.ts';
import { asSchema, type JsonSchema, schemaMap, textList } from './json-schema.ts';
import { parseJson } from './request-body.ts';

/** Assembles an operation's raw input from the parts of a request. Nothing is checked here but what would be ambiguous. */
export interface InputAssembler {
  /**
   * Path parameters, query and body as one object without a prototype. Texts of path and query become what the schema
   * wants (numbers, booleans, lists by repetition, objects as JSON). Throws `invalid_input` for a field given twice.
   */
  assemble(
    path: Readonly<Record<string, string>>,
    search: string,
    body: Readonly<Record<string, unknown>> | undefined,
  ): Readonly<Record<string, unknown>>;
}

/** The input schema as clients send it (before defaults and transforms). */
export function inputSchemaOf(operation: Pick<BoundOperation, 'input'>): JsonSchema {
  return z.toJSONSchema(operation.input, { io: 'input', unrepresentable: 'any' });
}

/** The assembler of one operation. The schema is read at the first request that has texts to convert, once. */
export function createInputAssembler(operation: Pick<BoundOperation, 'input'>): InputAssembler {
  let readers: ReadonlyMap<string, TextForms> | undefined;
  const formsOfField = (field: string): TextForms => {
    readers ??= fieldForms(inputSchemaOf(operation));
    return readers.get(field) ?? ANY_TEXT;
  };
  return {
    assemble(path, search, body) {
      const names = Object.keys(path);
      if (names.length === 0 && search === '') return body ?? {};
      const input: Record<string, unknown> = Object.assign(Object.create(null), body);
      for (const name of names) put(input, name, convert(name, [path[name] ?? ''], formsOfField(name)), 'the path');
      if (search === '') return input;
      const query = new URLSearchParams(search);
      for (const name of new Set(query.keys())) put(input, name, convert(name, query.getAll(name), formsOfField(name)), 'the query');
      return input;
    },
  };
}

function put(input: Record<string, unknown>, name: string, value: unknown, where: string): void {
  if (name === '__proto__') throw new PolymniaError('invalid_input', 'There is no field "__proto__".');
  if (Object.hasOwn(input, name) && input[name] !== value) {
    throw new PolymniaError('invalid_input', `"${printable(name)}" stands in ${where} and elsewhere with another value; give it once.`);
  }
  input[name] = value;
}

/** A name from outside, fit for a message. */
function printable(name: string): string {
  return name.slice(0, 64).replaceAll(/[^\x20-\x7e]/g, '?');
}

/** What a text may stand for, by the field's schema. */
interface TextForms {
  /** Any text is welcome as it is. */
  readonly text: boolean;
  /** These texts are welcome as they are. */
  readonly literals: ReadonlySet<string>;
  readonly number: boolean;
  readonly boolean: boolean;
  readonly object: boolean;
  /** Forms of an item, when the field is a list. */
  readonly item: TextForms | undefined;
}

const ANY_TEXT: TextForms = { text: true, literals: new Set(), number: false, boolean: false, object: false, item: undefined };

function fieldForms(schema: JsonSchema): ReadonlyMap<string, TextForms> {
  const properties = schemaMap(schema['properties']);
  const definitions = schemaMap(schema['$defs']);
  return new Map(Object.entries(properties).map(([name, property]) => [name, formsOf(property, definitions)]));
}

/** Deepest nesting of unions that is followed; recursive schemas end here. */
const MAX_UNION_DEPTH = 8;

function formsOf(schema: JsonSchema, definitions: Readonly<Record<string, JsonSchema>>): TextForms {
  const leaves = leavesOf(schema, definitions, 0);
  const has = (type: string): boolean => leaves.some((leaf) => typesOf(leaf).includes(type));
  const list = leaves.find((leaf) => typesOf(leaf).includes('array'));
  const literals = leaves.flatMap((leaf) => literalsOf(leaf) ?? []).filter((value) => typeof value === 'string');
  const isText = leaves.some((leaf) => literalsOf(leaf) === undefined && (typesOf(leaf).includes('string') || typesOf(leaf).length === 0));
  return {
    text: isText,
    literals: new Set(literals),
    number: has('number') || has('integer'),
    boolean: has('boolean'),
    object: has('object'),
    item: list === undefined ? undefined : formsOf(asSchema(list['items']), definitions),
  };
}

function leavesOf(schema: JsonSchema, definitions: Readonly<Record<string, JsonSchema>>, depth: number): readonly JsonSchema[] {
  const reference = schema['$ref'];
  const target = typeof reference === 'string' ? definitions[reference.slice('#/$defs/'.length)] : undefined;
  const union = schema['anyOf'] ?? schema['oneOf'] ?? schema['allOf'];
  const parts: readonly unknown[] | undefined = target !== undefined ? [target] : Array.isArray(union) ? union : undefined;
  if (parts === undefined || depth >= MAX_UNION_DEPTH) return [schema];
  return parts.flatMap((part) => leavesOf(asSchema(part), definitions, depth + 1));
}

function typesOf(leaf: JsonSchema): readonly string[] {
  const type = leaf['type'];
  return typeof type === 'string' ? [type] : textList(type);
}

function literalsOf(leaf: JsonSchema): readonly unknown[] | undefined {
  if ('const' in leaf) return [leaf['const']];
  return Array.isArray(leaf['enum']) ? leaf['enum'] : undefined;
}

function convert(name: string, texts: readonly string[], forms: TextForms): unknown {
  const [first = '', ...more] = texts;
  if (forms.item === undefined) {
    if (more.length > 0) throw new PolymniaError('invalid_input', `"${printable(name)}" is given ${texts.length} times; give it once.`);
    return convertOne(name, first, forms);
  }
  const { item } = forms;
  if (more.length === 0 && (forms.text || forms.literals.has(first))) return first;
  return texts.map((text) => convertOne(name, text, item));
}

const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** What does not convert stays text, so that the operation's own schema refuses it in its own words. */
function convertOne(name: string, text: string, forms: TextForms): unknown {
  if (forms.literals.has(text)) return text;
  if (forms.object && text.startsWith('{')) return parseJson(text, `"${printable(name)}"`);
  if (forms.text) return text;
  if (forms.number && NUMBER.test(text)) return Number(text);
  if (forms.boolean && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
