import { z } from 'zod';
import { PolymniaError } from '../../kernel/errors.ts';
import type { OperationDeclaration } from '../../kernel/operation.ts';
import { echo } from './arguments.ts';
import { type Flag, type FlagValues, GLOBAL_FLAGS } from './command.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

/** What a text on the command line may stand for. */
interface TextForms {
  readonly text: boolean;
  readonly number: boolean;
  readonly boolean: boolean;
  /** Objects and anything else that only JSON can write. */
  readonly json: boolean;
  readonly null: boolean;
}

/** One input field of an operation, with the flag it is given by. */
export interface SchemaField {
  readonly name: string;
  readonly flag: Flag;
  readonly isRequired: boolean;
  readonly isList: boolean;
  /** Of the field, or of a list's item. */
  readonly forms: TextForms;
  /** Texts that stand for the whole of a list field, such as "all". */
  readonly literals: readonly string[];
}

/** The input fields of an operation, in the order of their declaration, from its schema. */
export function schemaFields(operation: Pick<OperationDeclaration, 'input'>): readonly SchemaField[] {
  const schema = jsonSchema(operation.input, 'input');
  const output = propertiesOf(jsonSchema(operation.input, 'output'));
  const required = new Set(Array.isArray(schema['required']) ? schema['required'] : []);
  return Object.entries(propertiesOf(schema)).map(([name, property]) => {
    // A preprocessed field says nothing of what goes in, but of what comes out.
    const telling = leavesOf(property, 0).some((leaf) => typesOf(leaf).length > 0 || literalsOf(leaf).length > 0)
      ? property
      : (output[name] ?? property);
    return toField(name, telling, property, required.has(name));
  });
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  return z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' });
}

function propertiesOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  return (schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>;
}

function toField(name: string, schema: JsonSchema, told: JsonSchema, isRequired: boolean): SchemaField {
  const leaves = leavesOf(schema, 0);
  const list = leaves.find((leaf) => typesOf(leaf).includes('array'));
  const item = list === undefined ? leaves : leavesOf((list['items'] ?? {}) as JsonSchema, 0);
  const forms = formsOf(item);
  const choices = item.flatMap(literalsOf);
  const isSwitch = list === undefined && forms.boolean && !forms.text && !forms.number && !forms.json;
  const initial = told['default'] ?? schema['default'];
  const flag: Flag = {
    name: flagName(name),
    type: isSwitch ? 'boolean' : 'string',
    description: describe(told['description'] ?? schema['description'], initial),
    ...(isSwitch ? {} : { placeholder: placeholderOf(forms, choices) }),
    ...(list === undefined ? {} : { multiple: true }),
    ...(choices.length === 0 ? {} : { choices }),
  };
  const literals = list === undefined ? [] : leaves.flatMap(literalsOf);
  return { name, flag, isRequired, isList: list !== undefined, forms, literals };
}

function describe(description: unknown, initial: unknown): string {
  const text = typeof description === 'string' ? description : '';
  const sentence = text === '' || /[.?!]$/.test(text) ? text : `${text}.`;
  return initial === undefined || initial === false
    ? sentence
    : `${sentence} Default ${typeof initial === 'string' ? initial : JSON.stringify(initial)}.`.trim();
}

const RESERVED: ReadonlySet<string> = new Set(GLOBAL_FLAGS.map(({ name }) => name));

/** `tagsAny` → `tags-any`; a field with the name of a global option gets `field-` before it. */
function flagName(field: string): string {
  const name = field.replaceAll('_', '-').replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
  return RESERVED.has(name) ? `field-${name}` : name;
}

function placeholderOf(forms: TextForms, choices: readonly string[]): string {
  if (choices.length > 0 && choices.length <= 4) return choices.join('|');
  if (choices.length > 0) return 'WORD';
  return forms.json ? 'JSON' : forms.number && !forms.text ? 'N' : 'TEXT';
}

/** Deepest nesting of unions that is followed. */
const MAX_DEPTH = 8;

function leavesOf(schema: JsonSchema, depth: number): readonly JsonSchema[] {
  const parts = (schema['anyOf'] ?? schema['oneOf'] ?? schema['allOf']) as readonly JsonSchema[] | undefined;
  return parts === undefined || depth >= MAX_DEPTH ? [schema] : parts.flatMap((part) => leavesOf(part, depth + 1));
}

function typesOf(leaf: JsonSchema): readonly string[] {
  const type = leaf['type'];
  return typeof type === 'string' ? [type] : Array.isArray(type) ? type : [];
}

function literalsOf(leaf: JsonSchema): readonly string[] {
  const values: readonly unknown[] = 'const' in leaf ? [leaf['const']] : Array.isArray(leaf['enum']) ? leaf['enum'] : [];
  return values.filter((value) => typeof value === 'string');
}

function formsOf(leaves: readonly JsonSchema[]): TextForms {
  const has = (type: string): boolean => leaves.some((leaf) => typesOf(leaf).includes(type));
  const isOpen = leaves.every((leaf) => typesOf(leaf).length === 0 && literalsOf(leaf).length === 0);
  return {
    text: has('string') || isOpen || leaves.some((leaf) => literalsOf(leaf).length > 0),
    number: has('number') || has('integer'),
    boolean: has('boolean'),
    json: has('object') || has('array'),
    null: has('null'),
  };
}

/** The input that flags stand for. Values of the wrong form are refused here, everything else by the server's own schema. */
export function inputOf(fields: readonly SchemaField[], values: FlagValues): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const field of fields) {
    const given = values[field.flag.name];
    if (given !== undefined) input[field.name] = fieldValue(field, given);
  }
  return input;
}

/** What the given text or texts stand for, by the field's schema. */
export function fieldValue(field: SchemaField, given: NonNullable<FlagValues[string]>): unknown {
  if (typeof given === 'boolean') return given;
  const texts = (typeof given === 'string' ? [given] : given).map(String);
  if (!field.isList) return convert(field, texts.at(-1) ?? '');
  const [only = ''] = texts;
  if (texts.length === 1 && field.literals.includes(only)) return only;
  return texts.flatMap((text) => listItems(field, text)).map((text) => convert(field, text));
}

/** `a, b` are two items of a list of words, as a repeated flag would give them. */
function listItems({ forms }: SchemaField, text: string): readonly string[] {
  const items = forms.json ? [] : text.split(',').map((item) => item.trim());
  return items.some((item) => item !== '') ? items.filter((item) => item !== '') : [text];
}

const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** Where a text is also welcome, only what must be UTC milliseconds is taken as a number. */
const MILLISECONDS = /^\d{10,16}$/;

function convert(field: SchemaField, text: string): unknown {
  const { forms } = field;
  if (forms.null && text === 'null') return null;
  if (forms.json && /^\s*[[{]/.test(text)) return parseJson(field, text);
  if (forms.text) return forms.number && MILLISECONDS.test(text) ? Number(text) : text;
  if (forms.number && NUMBER.test(text)) return Number(text);
  if (forms.boolean && (text === 'true' || text === 'false')) return text === 'true';
  const wanted = forms.json ? 'JSON' : forms.number ? 'a number' : 'true or false';
  throw new PolymniaError('invalid_input', `--${field.flag.name} is ${echo(text)}, but must be ${wanted}.`);
}

function parseJson(field: SchemaField, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new PolymniaError('invalid_input', `--${field.flag.name} is not valid JSON; put it in single quotes.`, { cause: error });
  }
}
