import type { CallOutcome } from '../../domains/admission/index.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { BoundOperation, Principal, Upload } from '../../kernel/operation.ts';
import { BodyBudget } from './body-budget.ts';
import { createInputAssembler, type InputAssembler } from './operation-input.ts';
import type { Exchange } from './reply.ts';
import { declaredLength, parseJsonObject, readBytes, SMALL_BODY_BYTES } from './request-body.ts';
import { type Spool, spoolBody, UPLOAD_OPTION } from './upload.ts';
import { UserBudget } from './user-budget.ts';

/** What reading requests needs. Times in milliseconds, sizes in bytes. */
export interface PrepareDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxBodyBytes: number;
  readonly maxImportBytes: number;
  readonly bodyTimeoutMs: number;
  readonly spool?: Spool;
}

/** What all routes together may hold before the gate. */
export interface RequestBudgets {
  readonly bodies: BodyBudget;
  /** Uploads that arrive now. */
  readonly uploads: UserBudget;
  /** Bytes on disk, from the first one until the call is over: an import may wait for hours. */
  readonly spooled: UserBudget;
}

/** Uploads at once, and the disk that those in line may fill as a multiple of the largest one. */
const UPLOADS_PER_USER = 2;
const UPLOADS_PER_SERVICE = 4;
const UPLOADS_TOTAL = 8;

/** The budgets of one server. */
export function createRequestBudgets({
  clock,
  maxBodyBytes,
  maxImportBytes,
}: Pick<PrepareDeps, 'clock' | 'maxBodyBytes' | 'maxImportBytes'>): RequestBudgets {
  const uploads = (each: number, what: string): UserBudget =>
    new UserBudget({ perUser: each * UPLOADS_PER_USER, perService: each * UPLOADS_PER_SERVICE, total: each * UPLOADS_TOTAL, what });
  return {
    bodies: new BodyBudget(clock, maxBodyBytes),
    uploads: uploads(1, 'imports'),
    spooled: uploads(maxImportBytes, 'imports of this size'),
  };
}

/** One call, ready for the gate. */
export interface PreparedCall {
  /** What to hand to the gate. */
  readonly operation: BoundOperation;
  readonly input: Readonly<Record<string, unknown>>;
  readonly upload?: Upload;
  /** A job has taken the upload over. */
  readonly onUploadTaken?: () => void;
  /** Gives back what the request holds; called once, when the call is over. Never fails. */
  release(outcome: CallOutcome | undefined): void | Promise<void>;
}

/** Reads one request of an authenticated caller. */
export type Prepare = (exchange: Exchange, principal: Principal) => Promise<PreparedCall>;

/** How requests of one operation become input: path, query and JSON body, or a spooled raw body. `path` in OpenAPI's form. */
export function createPrepare(operation: BoundOperation, path: string, deps: PrepareDeps, budgets: RequestBudgets): Prepare {
  const shared: Shared = { operation, deps, budgets };
  const assembler = createInputAssembler(operation);
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
  const takesBody = operation.http.method !== 'GET';
  const { upload } = operation;
  return (exchange, principal) => {
    const assemble = (body?: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
      assembler.assemble(pathValues(exchange, parameters), searchOf(exchange.request.url), body);
    if (upload !== undefined && isMediaType(exchange.request.headers, upload.mediaType)) return prepareUpload(exchange, principal, assemble, shared);
    return takesBody
      ? prepareJson(exchange, principal, assemble, shared)
      : Promise.resolve({ operation, input: assemble(), release: releaseNothing });
  };
}

interface Shared {
  readonly operation: BoundOperation;
  readonly deps: PrepareDeps;
  readonly budgets: RequestBudgets;
}

type Assemble = (body?: Parameters<InputAssembler['assemble']>[2]) => PreparedCall['input'];

const NO_PARAMETERS: Readonly<Record<string, string>> = {};
const releaseNothing = (): void => {};

function pathValues(exchange: Exchange, parameters: readonly string[]): Readonly<Record<string, string>> {
  if (parameters.length === 0) return NO_PARAMETERS;
  return Object.fromEntries(parameters.map((name) => [name, exchange.context.req.param(name) ?? '']));
}

function searchOf(url: string): string {
  const at = url.indexOf('?');
  if (at === -1) return '';
  const end = url.indexOf('#', at);
  return url.slice(at + 1, end === -1 ? undefined : end);
}

async function prepareJson(exchange: Exchange, principal: Principal, assemble: Assemble, shared: Shared): Promise<PreparedCall> {
  const { maxBodyBytes, bodyTimeoutMs, clock } = shared.deps;
  const length = declaredLength(exchange, maxBodyBytes, 'MAX_BODY_BYTES');
  if (length === 0) return { operation: shared.operation, input: assemble(), release: releaseNothing };
  refuseOtherTypes(exchange.request.headers);
  // Small bodies are not counted: the gate's limits bound how many of them wait.
  const hold = (bytes: number): Disposable => shared.budgets.bodies.take(principal.caller, bytes);
  let held = length !== 'unknown' && length > SMALL_BODY_BYTES ? hold(length) : undefined;
  const release = (): void => held?.[Symbol.dispose]();
  const onLarge = (): void => {
    held = hold(maxBodyBytes);
  };
  try {
    const bytes = await readBytes(exchange, length, { clock, maxBytes: maxBodyBytes, timeoutMs: bodyTimeoutMs, option: 'MAX_BODY_BYTES', onLarge });
    return { operation: shared.operation, input: assemble(bytes.byteLength === 0 ? undefined : parseJsonObject(bytes)), release };
  } catch (error) {
    release();
    throw error;
  }
}

function refuseOtherTypes(headers: Headers): void {
  refuseEncoding(headers);
  if (isMediaType(headers, 'application/json')) return;
  throw new PolymniaError('invalid_input', 'The body must be JSON, sent with "Content-Type: application/json".');
}

/** A few compressed bytes can grow without bound; nothing here unpacks them. */
function refuseEncoding(headers: Headers): void {
  const encoding = headers.get('content-encoding');
  if (encoding === null || encoding === 'identity') return;
  throw new PolymniaError('invalid_input', 'Compressed bodies are not taken; send the body without Content-Encoding.');
}

function isMediaType(headers: Headers, mediaType: string): boolean {
  const given = headers.get('content-type');
  if (given === null || given === mediaType) return given !== null;
  return given.split(';', 1)[0]?.trim().toLowerCase() === mediaType;
}

async function prepareUpload(exchange: Exchange, principal: Principal, assemble: Assemble, shared: Shared): Promise<PreparedCall> {
  const { deps, budgets, operation } = shared;
  const { spool, clock, maxImportBytes, bodyTimeoutMs } = deps;
  if (spool === undefined) throw new PolymniaError('invalid_input', 'This server takes no raw bodies; send JSON.');
  refuseEncoding(exchange.request.headers);
  const input = assemble();
  const length = declaredLength(exchange, maxImportBytes, UPLOAD_OPTION);
  using resources = new DisposableStack();
  resources.use(budgets.spooled.take(principal.caller, length === 'unknown' ? maxImportBytes : length));
  const arriving = resources.use(budgets.uploads.take(principal.caller, 1));
  const upload = await spoolBody(exchange, spool, { clock, maxBytes: maxImportBytes, stallMs: bodyTimeoutMs });
  arriving[Symbol.dispose]();
  const held = resources.move();
  let isTaken = false;
  const onUploadTaken = (): void => void (isTaken = true);
  const watched: BoundOperation = {
    ...operation,
    run: (parsed, ctx) => {
      onUploadTaken();
      return operation.run(parsed, ctx);
    },
  };
  const release = (outcome: CallOutcome | undefined): Promise<void> | undefined => {
    held.dispose();
    return isTaken && !isRefusedInput(outcome) ? undefined : removeSpooled(spool, upload, exchange.requestId, deps.logger);
  };
  return { operation: watched, input, upload, onUploadTaken, release };
}

function isRefusedInput(outcome: CallOutcome | undefined): boolean {
  return outcome?.ok === false && outcome.error.code === 'invalid_input';
}

/**
 * An operation that has begun owns its upload, since it may go on with it after a crash. Only what no operation took up
 * is removed here.
 */
async function removeSpooled(spool: Spool, upload: Upload, requestId: string, logger: Logger): Promise<void> {
  try {
    await spool.remove(upload.spoolId);
  } catch (error) {
    // The call's outcome stands; what is left over goes with the spool's own clean-up.
    logger.warn('a spooled body could not be removed', { requestId }, error);
  }
}
