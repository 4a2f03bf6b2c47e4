import { z } from 'zod';
import type { CallOptions, Gate } from '../../domains/admission/index.ts';
import { type Clock, systemClock } from '../../kernel/clock.ts';
import { PolymniaError, toPolymniaError } from '../../kernel/errors.ts';
import { createIds } from '../../kernel/ids.ts';
import { type Logger, silentLogger } from '../../kernel/logger.ts';
import { bindOperation, type BoundOperation, defineOperation, type OperationContext, type Principal } from '../../kernel/operation.ts';
import { createHttpApp, type HttpDeps } from './http-app.ts';

/** A notebook: enough of a service for operations of every shape. */
export class Notebook {
  readonly notes = new Map<string, string>();
  /** Released when a running `slow_note` may go on. */
  release: () => void = () => {};
  /** Calls of `slow_note` whose signal aborted. */
  aborted = 0;
  started = Promise.withResolvers<void>();
}

const define = defineOperation<Notebook>();
const note = z.object({ id: z.string(), text: z.string() });

const addNote = define({
  name: 'add_note',
  title: 'Add a note',
  description: 'Adds one note.',
  input: z.strictObject({
    text: z
      .string()
      .max(100_000)
      .describe('What to keep.')
      .meta({ examples: ['Tea at five.'] }),
    tags: z.union([z.array(z.string()), z.string()]).optional(),
    metadata: z.record(z.string(), z.json()).optional(),
  }),
  output: note.extend({ key: z.string().optional(), client: z.string().optional(), prototype: z.boolean() }),
  effect: 'write',
  lane: 'memory',
  scope: 'memory:write',
  target: { kind: 'space', role: 'editor' },
  http: { method: 'POST', path: '/api/v1/notes' },
  async run(book, input, ctx) {
    const id = `note_${book.notes.size}`;
    book.notes.set(id, input.text);
    return {
      id,
      text: input.text,
      ...(ctx.idempotencyKey === undefined ? {} : { key: ctx.idempotencyKey }),
      ...(ctx.origin.client === undefined ? {} : { client: ctx.origin.client }),
      prototype: 'polluted' in {},
    };
  },
});

const getNote = define({
  name: 'get_note',
  title: 'Get a note',
  description: 'Gets one note.',
  input: z.object({ id: z.string().describe('Id of the note.') }),
  output: note,
  effect: 'read',
  lane: 'memory',
  scope: 'memory:read',
  target: { kind: 'none' },
  http: { method: 'GET', path: '/api/v1/notes/{id}' },
  async run(book, { id }) {
    const text = book.notes.get(id);
    if (text === undefined) throw new PolymniaError('not_found', 'No such note.');
    return { id, text };
  },
});

const findNotes = define({
  name: 'find_notes',
  title: 'Find notes',
  description: 'Echoes what was asked.',
  input: z.strictObject({
    query: z.string().optional(),
    limit: z.number().int().min(1).max(100_000).default(10),
    exact: z.boolean().optional(),
    tagsAny: z.array(z.string()).optional(),
    spaces: z.union([z.array(z.string()), z.literal('all')]).optional(),
    metadata: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
    since: z.union([z.string(), z.number()]).optional(),
  }),
  output: z.object({ asked: z.json() }),
  effect: 'read',
  lane: 'memory',
  scope: 'memory:read',
  target: { kind: 'spaces', role: 'reader' },
  http: { method: 'GET', path: '/notes/search' },
  async run(_book, input) {
    return { asked: JSON.parse(JSON.stringify(input)) };
  },
});

const exportNotes = define({
  name: 'export_notes',
  title: 'Export notes',
  description: 'Streams numbered lines; fails after `failAt` of them.',
  input: z.object({ count: z.number().int().default(3), failAt: z.number().int().optional(), foreign: z.boolean().optional() }),
  output: z.object({ count: z.number() }),
  effect: 'read',
  lane: 'bulk',
  scope: 'memory:read',
  target: { kind: 'space', role: 'reader' },
  http: { method: 'GET', path: '/api/v1/notes/export' },
  async *stream(_book, input) {
    for (let line = 0; line < input.count; line++) {
      if (line === input.failAt) throw input.foreign ? new TypeError('secret detail') : new PolymniaError('storage_unavailable', 'The disk is full.');
      yield { line, filler: 'x'.repeat(100) };
    }
  },
  async run(_book, input) {
    return { count: input.count };
  },
});

const importNotes = define({
  name: 'import_notes',
  title: 'Import notes',
  description: 'Says how many bytes came.',
  input: z.object({ source: z.string().optional(), fail: z.boolean().optional() }),
  output: z.object({ bytes: z.number(), source: z.string().optional() }),
  effect: 'write',
  lane: 'bulk',
  scope: 'memory:write',
  target: { kind: 'space', role: 'editor' },
  http: { method: 'POST', path: '/api/v1/notes/import' },
  upload: { mediaType: 'application/x-ndjson' },
  async run(_book, input, ctx) {
    if (input.fail) throw new PolymniaError('storage_unavailable', 'The disk is full.');
    return { bytes: ctx.upload?.bytes ?? -1, ...(input.source === undefined ? {} : { source: input.source }) };
  },
});

const slowNote = define({
  name: 'slow_note',
  title: 'Wait for a note',
  description: 'Reports progress and waits until it is released.',
  input: z.object({ fail: z.boolean().optional() }),
  output: z.object({ done: z.boolean() }),
  effect: 'write',
  lane: 'memory',
  scope: 'memory:write',
  target: { kind: 'none' },
  http: { method: 'POST', path: '/api/v1/notes/slow' },
  async run(book, input, ctx) {
    ctx.progress({ phase: 'waiting', done: 1, total: 2, unit: 'steps' });
    await new Promise<void>((resolve, reject) => {
      book.release = resolve;
      ctx.signal.addEventListener('abort', () => {
        book.aborted++;
        reject(ctx.signal.reason instanceof Error ? ctx.signal.reason : new PolymniaError('cancelled', 'The call was cancelled.'));
      });
      book.started.resolve();
    });
    if (input.fail) throw new PolymniaError('conflict', 'Too late.');
    return { done: true };
  },
});

const dropNote = define({
  name: 'drop_note',
  title: 'Drop a note',
  description: 'Always breaks.',
  input: z.object({ id: z.string() }),
  output: z.null(),
  effect: 'destructive',
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'DELETE', path: '/api/v1/notes/{id}' },
  deprecated: { since: '2026-01-01', sunset: '2027-01-01', use: 'forget_notes' },
  async run() {
    throw new PolymniaError('rate_limited', 'Too many.', { retryAfterMs: 1200 });
  },
});

export function notebookOperations(book: Notebook): readonly BoundOperation[] {
  return [
    bindOperation(getNote, book),
    bindOperation(addNote, book),
    bindOperation(findNotes, book),
    bindOperation(exportNotes, book),
    bindOperation(importNotes, book),
    bindOperation(slowNote, book),
    bindOperation(dropNote, book),
  ];
}

export const KEY = 'pmn_alice';
export const ADMIN_KEY = 'pmn_admin';
/** A key whose calls fail inside the gate in a way nobody foresaw. */
export const BROKEN_KEY = 'pmn_broken';

const KEYS: ReadonlyMap<string, Principal> = new Map(
  [KEY, ADMIN_KEY, BROKEN_KEY].map((key) => [
    `Bearer ${key}`,
    {
      caller: { userId: `user_${key}`, name: key, timeZone: 'UTC', group: key, weight: 1, limits: {} },
      credential: { id: `key_${key}`, scopes: key === ADMIN_KEY ? ['admin'] : ['memory:read', 'memory:write'] },
    },
  ]),
);

/** A gate that proves keys, parses input and runs; it counts what is open, so that tests see what is left behind. */
export class TestGate implements Gate {
  open = 0;
  calls = 0;
  readonly clock: Clock;

  constructor(clock: Clock = systemClock) {
    this.clock = clock;
  }

  async authenticate(presented: { readonly authorization?: string; readonly onBehalfOf?: string }): Promise<Principal> {
    const principal = KEYS.get(presented.authorization ?? '');
    if (principal === undefined) throw new PolymniaError('unauthenticated', 'The credential is missing or not valid.');
    if (presented.onBehalfOf !== undefined) throw new PolymniaError('forbidden', 'This credential may not act for others.');
    return principal;
  }

  async call(operation: BoundOperation, principal: Principal, input: unknown, options: CallOptions): ReturnType<Gate['call']> {
    if (principal.credential.id.endsWith(BROKEN_KEY)) throw new TypeError('secret detail of a defect');
    this.open++;
    this.calls++;
    try {
      return { ok: true, output: await operation.run(parse(operation, input), this.#context(principal, options)), rate: standing };
    } catch (error) {
      return { ok: false, error: toPolymniaError(error), rate: standing };
    } finally {
      this.open--;
    }
  }

  async stream(operation: BoundOperation, principal: Principal, input: unknown, options: CallOptions): ReturnType<Gate['stream']> {
    try {
      if (operation.stream === undefined) throw new PolymniaError('invalid_input', 'No stream.');
      return { ok: true, items: this.#counted(operation.stream(parse(operation, input), this.#context(principal, options))), rate: standing };
    } catch (error) {
      return { ok: false, error: toPolymniaError(error) };
    }
  }

  async *#counted(items: AsyncIterable<unknown>): AsyncIterable<unknown> {
    this.open++;
    try {
      yield* items;
    } finally {
      this.open--;
    }
  }

  #context(principal: Principal, options: CallOptions): OperationContext {
    const { onProgress, ...rest } = options;
    return {
      ...principal,
      ...rest,
      spaces: [],
      deadlineAt: this.clock.monotonic() + 30_000,
      logger: silentLogger,
      meter: { add() {} },
      quota: { reserve: () => Promise.reject(new PolymniaError('quota_exceeded', 'No quota in tests.')) },
      progress: (progress) => onProgress?.(progress),
    };
  }
}

const standing = { lane: 'memory', limit: 100, windowMs: 60_000, remaining: 42, resetMs: 12_001 } as const;

function parse(operation: BoundOperation, input: unknown): Readonly<Record<string, unknown>> {
  const parsed = operation.input.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new PolymniaError('invalid_input', parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
}

/** An app over a notebook, with whatever a test replaces. */
export function notebookApp(overrides: Partial<HttpDeps> = {}): {
  readonly app: ReturnType<typeof createHttpApp>;
  readonly book: Notebook;
  readonly gate: TestGate;
} {
  const book = new Notebook();
  const clock = overrides.clock ?? systemClock;
  const gate = new TestGate(clock);
  const deps: HttpDeps = {
    operations: notebookOperations(book),
    gate,
    ids: createIds(clock),
    clock,
    logger: silentLogger,
    settings: {
      allowedHosts: ['memory.example', 'proxy.example:8443'],
      allowedOrigins: ['https://chat.example'],
      maxBodyBytes: 200_000,
      maxImportBytes: 1_000_000,
    },
    version: '1.2.3',
    isReady: () => true,
    isDraining: () => false,
    ...overrides,
  };
  return { app: createHttpApp(deps), book, gate };
}

/** Keeps what is logged as an error. */
export function recordingLogger(): { readonly logger: Logger; readonly errors: { readonly message: string; readonly error: unknown }[] } {
  const errors: { message: string; error: unknown }[] = [];
  return { errors, logger: { ...silentLogger, error: (message, _fields, error) => void errors.push({ message, error }) } };
}

/** A call of alice's, in-process; `json` becomes the body. */
export function request(path: string, init: RequestInit & { readonly json?: unknown; readonly key?: string | null } = {}): Request {
  const { json, key = KEY, ...rest } = init;
  const headers = new Headers(rest.headers);
  if (!headers.has('host')) headers.set('host', 'localhost:4100');
  if (key !== null) headers.set('authorization', `Bearer ${key}`);
  if (json === undefined) return new Request(`http://localhost:4100${path}`, { ...rest, headers, duplex: 'half' });
  if (!headers.has('content-type')) headers.set('content-type', 'application/json');
  return new Request(`http://localhost:4100${path}`, { method: 'POST', ...rest, headers, body: JSON.stringify(json) });
}
