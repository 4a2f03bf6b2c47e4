import { z } from 'zod';
import type { BoundOperation } from '../../kernel/operation.ts';
import { EVENT_STREAM } from './event-stream.ts';
import { asSchema, type JsonSchema, schemaMap, textList } from './json-schema.ts';
import { JSON_LINES } from './json-lines.ts';
import { errorStatuses, HEADERS, PARAMETERS, PROBLEM_SCHEMA, problemResponse, STANDING } from './openapi-components.ts';
import { describeJobEvents, JOB_EVENTS_PATH } from './openapi-job-events.ts';
import { pascalCase, registerSchema, type SchemaRegistry } from './openapi-schemas.ts';
import { inputSchemaOf } from './operation-input.ts';
import { API_PREFIX, hasEvents, operationPath } from './operation-routes.ts';

/** What the document needs of an operation: its declaration alone. */
const CALL_EVENTS = 'Events `progress`, then `result` (the JSON answer) or `error` (a problem).';
const NUMBERED_EVENTS =
  'Events `turn`, `start`, `text`, `tool_call`, `tool_used`, `finish`, `usage`, and `end` as the last one, or `error` (a problem). A reader resumes with the last id as `Last-Event-ID`.';

type Described = Omit<BoundOperation, 'run' | 'stream' | 'rateCost'> & { readonly stream?: unknown };

const DESCRIPTION = `A private memory, chat with it, and a code index for every user of every assistant, over HTTP, MCP and a command line.

Every call needs a key, sent as \`Authorization: Bearer pmn_…\`; a credential in the URL is ignored. Failures are
RFC 9457 problem documents with a stable \`code\`. Writes take an \`Idempotency-Key\`, lists are paged by cursor, and
answers say what is left of the caller's rate. In a query, repeat a parameter to give a list.

OpenAI clients take \`/v1\` here as their base URL: \`GET /v1/models\`, \`POST /v1/chat/completions\`.

\`GET /healthz\` and \`GET /readyz\` answer yes or no without a key; \`GET /metrics\` answers administrators.`;

const TAGS: Readonly<Record<string, string>> = {
  memories: 'Store, find, change and forget memories.',
  tags: 'Tags of memories.',
  users: 'People and agents who hold credentials.',
  keys: 'API keys: make, list, revoke.',
  spaces: 'Personal and shared spaces, and their members.',
  whoami: 'The calling user, its scopes and limits.',
  repositories: 'Repositories: sync, list, remove.',
  code: 'Search and read synced code.',
  models: 'Language models.',
  chat: 'Answers of language models, with memory.',
  jobs: 'Long work: watch it, list it, stop it.',
  schedules: 'What the server does by itself at set times.',
  admin: 'Running the server.',
};

/** The OpenAPI 3.1 document of the operations as JSON text, made at the first call and kept. */
export function createOpenApi(operations: readonly Described[], version: string): () => string {
  let text: string | undefined;
  return () => (text ??= JSON.stringify(openApiDocument(operations, version)));
}

/** Builds the document. Schemas come from the operations' zod schemas, errors from the error table. */
export function openApiDocument(operations: readonly Described[], version: string): JsonSchema {
  const schemas: SchemaRegistry = new Map([['Problem', PROBLEM_SCHEMA]]);
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const operation of operations) {
    const path = operationPath(operation);
    paths[path] = { ...paths[path], [operation.http.method.toLowerCase()]: describeOperation(operation, path, schemas) };
  }
  if (operations.some(({ name }) => name === 'get_job')) paths[JOB_EVENTS_PATH] = { get: describeJobEvents() };
  const statuses = [...new Set(operations.flatMap((operation) => errorStatuses(operation)))].toSorted((a, b) => a - b);
  const tags = [...new Set(operations.map((operation) => tagOf(operationPath(operation))))];
  const hasWrites = operations.some((operation) => operation.effect !== 'read');
  const { IdempotencyKey, ...otherParameters } = PARAMETERS;
  return {
    openapi: '3.1.0',
    info: {
      title: 'Polymnia',
      version,
      summary: 'Private memory for every user of every AI assistant.',
      description: DESCRIPTION,
      contact: { name: 'The operator of this server' },
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This server.' }],
    security: [{ bearer: [] }],
    tags: tags.map((name) => ({ name, description: TAGS[name] ?? `Operations under ${API_PREFIX}/${name}.` })),
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'pmn_…', description: 'An API key.' } },
      schemas: Object.fromEntries(schemas),
      headers: HEADERS,
      parameters: hasWrites ? { IdempotencyKey, ...otherParameters } : otherParameters,
      responses: Object.fromEntries(statuses.map((status) => [`Problem${status}`, problemResponse(status)])),
    },
  };
}

function tagOf(path: string): string {
  return path.slice(API_PREFIX.length + 1).split('/', 1)[0] ?? '';
}

function describeOperation(operation: Described, path: string, schemas: SchemaRegistry): JsonSchema {
  const isWrite = operation.effect !== 'read';
  const parts = splitInput(operation, path);
  const body = requestBody(operation, parts.body, schemas);
  return {
    operationId: operation.name,
    summary: operation.title,
    description: describe(operation),
    tags: [tagOf(path)],
    ...(operation.deprecated === undefined ? {} : { deprecated: true }),
    parameters: [
      ...parts.parameters,
      ...(isWrite ? [{ $ref: '#/components/parameters/IdempotencyKey' }] : []),
      { $ref: '#/components/parameters/OnBehalfOf' },
    ],
    ...(body === undefined ? {} : { requestBody: body }),
    responses: {
      200: success(operation, schemas),
      ...Object.fromEntries(errorStatuses(operation).map((status) => [status, { $ref: `#/components/responses/Problem${status}` }])),
    },
  };
}

function describe(operation: Described): string {
  const { deprecated, scope, lane } = operation;
  const facts = `Lane \`${lane}\`; scope ${scope === null ? 'any' : `\`${scope}\``}.`;
  const warning = deprecated === undefined ? '' : `\n\nDeprecated since ${deprecated.since}, ends ${deprecated.sunset}; use \`${deprecated.use}\`.`;
  return `${operation.description}\n\n${facts}${warning}`;
}

interface InputParts {
  readonly parameters: readonly JsonSchema[];
  /** What is left for a JSON body, with its own `$defs`. */
  readonly body: JsonSchema | undefined;
}

/** Path fields are parameters; the rest is the query of GET and DELETE, and the JSON body of all others. A raw upload leaves only the query. */
function splitInput(operation: Described, path: string): InputParts {
  const schema = inputSchemaOf(operation);
  const properties = schemaMap(schema['properties']);
  const required = textList(schema['required']);
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
  const rest = Object.keys(properties).filter((name) => !inPath.includes(name));
  const isBodiless = operation.http.method === 'GET' || operation.http.method === 'DELETE';
  const pathParameters = inPath.map((name) => parameter(name, 'path', resolved(properties[name] ?? { type: 'string' }, schema), true));
  const inQuery = (): readonly JsonSchema[] =>
    rest.map((name) => parameter(name, 'query', resolved(properties[name] ?? {}, schema), isBodiless && required.includes(name)));
  const parameters = isBodiless || operation.upload !== undefined ? [...pathParameters, ...inQuery()] : pathParameters;
  if (isBodiless || rest.length === 0) return { parameters, body: undefined };
  const left = required.filter((name) => rest.includes(name));
  const { required: _all, ...others } = schema;
  const kept = Object.fromEntries(rest.map((name) => [name, properties[name]]));
  return { parameters, body: { ...others, properties: kept, ...(left.length > 0 ? { required: left } : {}) } };
}

function parameter(name: string, where: 'path' | 'query', schema: JsonSchema, isRequired: boolean): JsonSchema {
  const { description, ...bare } = schema;
  const isObject = bare['type'] === 'object';
  return {
    name,
    in: where,
    description: typeof description === 'string' ? description : `Field \`${name}\` of the input.`,
    ...(isRequired ? { required: true } : {}),
    // An object in a query is one JSON text; a list repeats its parameter.
    ...(isObject ? { content: { 'application/json': { schema: bare } } } : { schema: bare }),
  };
}

/** A parameter cannot carry definitions: its own reference is followed once, deeper ones accept anything. */
function resolved(property: JsonSchema, document: JsonSchema): JsonSchema {
  const definitions = schemaMap(document['$defs']);
  const text = JSON.stringify(property);
  if (!text.includes('"$ref"')) return property;
  const followed: unknown = JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || !('$ref' in value) || typeof value.$ref !== 'string') return value;
    const target = definitions[value.$ref.slice('#/$defs/'.length)];
    return target === undefined || JSON.stringify(target).includes('"$ref"') ? {} : target;
  });
  return asSchema(followed);
}

function requestBody(operation: Described, schema: JsonSchema | undefined, schemas: SchemaRegistry): JsonSchema | undefined {
  const { upload, name } = operation;
  const json = schema === undefined ? {} : { 'application/json': { schema: registerSchema(schemas, `${pascalCase(name)}Input`, schema) } };
  if (upload === undefined) return schema === undefined ? undefined : { required: 'required' in schema, content: json };
  const raw = { [upload.mediaType]: { schema: { type: 'string', contentMediaType: upload.mediaType } } };
  return { required: true, description: 'The data as it is, with the other fields in the query; or JSON.', content: { ...raw, ...json } };
}

function success(operation: Described, schemas: SchemaRegistry): JsonSchema {
  const schema = z.toJSONSchema(operation.output, { io: 'output', unrepresentable: 'any' });
  const reference = registerSchema(schemas, `${pascalCase(operation.name)}Output`, schema);
  return {
    description:
      operation.stream === undefined
        ? 'Done.'
        : `Done. Ask for \`${JSON_LINES}\` to get a stream; a failure on the way is its last line, \`{"error": problem}\`.`,
    headers: STANDING,
    content: {
      'application/json': { schema: reference },
      ...(operation.stream === undefined ? {} : { [JSON_LINES]: { schema: { type: 'string', description: 'One JSON object a line.' } } }),
      ...(hasEvents(operation)
        ? {
            [EVENT_STREAM]: { schema: { type: 'string', description: operation.numberedEvents === true ? NUMBERED_EVENTS : CALL_EVENTS } },
          }
        : {}),
    },
  };
}
