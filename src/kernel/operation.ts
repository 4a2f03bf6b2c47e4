import type { z } from 'zod';
import type { RecordKind, SpaceKey } from './ids.ts';
import type { Logger } from './logger.ts';

/** What an operation does to stored things; decides MCP annotations and which permits it takes. */
export type Effect = 'read' | 'write' | 'destructive';

/** A class of operations with its own permits, time-out and rate. Domains built later add theirs here. */
export const LANES = ['memory', 'search', 'chat', 'bulk', 'sync', 'batch', 'admin'] as const;
export type Lane = (typeof LANES)[number];

/** The lanes whose work runs as jobs: it may outlive its request, waits in a durable line and is counted in the job table. */
export const JOB_LANES = ['bulk', 'sync', 'batch'] as const satisfies readonly Lane[];
export type JobLane = (typeof JOB_LANES)[number];

/** What a credential may do. `admin` implies no other scope; `on_behalf` lets a service act for users it named itself. */
export const SCOPES = [
  'memory:read',
  'memory:write',
  'code:read',
  'code:write',
  'chat',
  'keys:manage',
  'spaces:manage',
  'on_behalf',
  'admin',
] as const;
export type Scope = (typeof SCOPES)[number];

/** What a member may do in a space; each includes the ones before it. */
export const ROLES = ['reader', 'editor', 'owner'] as const;
export type Role = (typeof ROLES)[number];

/** Does holding `held` allow what needs `needed`? */
export function roleAllows(held: Role, needed: Role): boolean {
  return ROLES.indexOf(held) >= ROLES.indexOf(needed);
}

/** The user on whose account a call runs. Frozen: it is shared by the calls of one credential. */
export interface Caller {
  readonly userId: string;
  readonly name: string;
  /** IANA zone for words like "last week", when the call names none. */
  readonly timeZone: string;
  /** Fairness, rates and quotas also hold for this group as a whole: the service's user id, or the user's own id. */
  readonly group: string;
  /** Share of contended resources; 1 is usual. */
  readonly weight: number;
  /** Share of the group as a whole, where it is a service's: the gate sets it. */
  readonly groupWeight?: number;
  /** The user's own limits where they differ from the server's. */
  readonly limits: UserLimits;
}

/** On whose account work stands in fair lines. */
export interface Flow {
  readonly user: string;
  readonly group: string;
  readonly weight: number;
  /** Of the group as a whole; absent = 1, or the user's own where it is its own group. */
  readonly groupWeight?: number;
}

export function flowOf({ userId: user, group, weight, groupWeight }: Caller): Flow {
  return { user, group, weight, ...(groupWeight === undefined ? {} : { groupWeight }) };
}

/** Per-user overrides; an absent field means the server's option. */
export interface UserLimits {
  readonly storageBytes?: number;
  /** Calls per window, by lane. */
  readonly rate?: Readonly<Partial<Record<Lane, number>>>;
}

/** The credential behind a call. */
export interface Credential {
  readonly id: string;
  readonly scopes: readonly Scope[];
  /** Space ids the credential is limited to; absent = every space of its user. */
  readonly spaces?: readonly string[];
}

/** Who calls: proved by the credential alone. */
export interface Principal {
  readonly caller: Caller;
  readonly credential: Credential;
}

/** A space the caller may use, with the role held there. */
export interface SpaceAccess {
  /** Public id, `space_…`. */
  readonly id: string;
  readonly key: SpaceKey;
  readonly role: Role;
  /** User whose quota the space uses. */
  readonly payer: string;
  /** The payer's storage limit, if it differs from the server's. */
  readonly payerStorageBytes?: number;
  readonly personal: boolean;
  /** Milliseconds a conversation is kept after its last message, when the space says so. As it was when the call was let in. */
  readonly conversationRetention?: number;
}

/** Collects what a call really cost, in microseconds of thread time (or the lane's own unit). */
export interface Meter {
  add(cost: number): void;
}

/** Progress of one call, for MCP notifications, SSE and bars. `done` never falls within a phase. */
export interface Progress {
  readonly phase: string;
  readonly done: number;
  readonly total?: number;
  readonly unit: string;
  readonly message?: string;
}

/** Storage or tokens reserved before they are spent; settle it with what was really used, or dispose it to give all back. */
export interface Reservation extends Disposable {
  settle(used: number): void;
}

/** A space's payer's storage account. */
export interface StorageQuota {
  /** Reserves bytes on the account of the space's payer; rejects with `quota_exceeded`. An unsettled reservation expires. */
  reserve(space: SpaceAccess, bytes: number): Promise<Reservation>;
}

/** A body that was spooled to disk before a permit was taken. */
export interface Upload {
  /** Name of the spooled file, unique, without path. */
  readonly spoolId: string;
  readonly bytes: number;
}

/** Everything one call may use besides its input. Explicit, passed after the input, never stored on what outlives the call. */
export interface OperationContext {
  readonly caller: Caller;
  readonly credential: Credential;
  /** The admitted spaces, in the order asked for: none, one, or several for ranked reads. */
  readonly spaces: readonly SpaceAccess[];
  readonly signal: AbortSignal;
  /** Monotonic milliseconds at which the signal aborts by itself. */
  readonly deadlineAt: number;
  readonly requestId: string;
  readonly logger: Logger;
  readonly meter: Meter;
  readonly quota: StorageQuota;
  /** Where the call came from; kept with what it stores. */
  readonly origin: CallOrigin;
  readonly idempotencyKey?: string;
  readonly upload?: Upload;
  /** Set when the call runs as a job. */
  readonly job?: RunningJob;
  progress(progress: Progress): void;
}

/** The job a run belongs to. */
export interface RunningJob {
  readonly id: string;
  /** Counts from 1. Effects outside the job's own result are fenced with it: a later attempt makes an earlier one void. */
  readonly attempt: number;
  /** UTC ms at which the job was asked for: words like "yesterday" mean this moment, however long it waited. */
  readonly askedAt: number;
  /** Rejects once this attempt has lost its lease, or its user the right to go on: asked before anything is published. */
  confirm(): Promise<void>;
}

/** Surface and client of a call, as provenance. */
export interface CallOrigin {
  readonly surface: 'http' | 'mcp' | 'cli' | 'internal';
  /** The client's own name and version, untrusted text. */
  readonly client?: string;
}

/** Where the gate finds the space(s) of a call, and the role needed there. */
export type Target =
  /** No space: the caller's own account, or administration. */
  | { readonly kind: 'none' }
  /** `input.space`, else the personal space. */
  | { readonly kind: 'space'; readonly role: Role }
  /** `input.space` or `input.spaces` (up to 8 ids or "all"), else the personal space. One admitted read per space. */
  | { readonly kind: 'spaces'; readonly role: Role }
  /** The space named inside a record id of the given kind, found in `input[field]`. */
  | { readonly kind: 'record'; readonly idKind: RecordKind; readonly field: string; readonly role: Role };

/** Who asks for what a job does already, as the gate has admitted the call. */
export interface JoiningCall {
  readonly caller: Caller;
  readonly space: SpaceAccess;
}

/** A job that waits or runs. */
export interface JoinedJob<Input> {
  readonly id: string;
  readonly input: Input;
}

/** How an operation runs as a job. Its target must be one space: `space` or `record`. */
export interface JobRules<Input> {
  /** True for an input that is done within its request after all, such as a dry run. Default: never. */
  asCall?(this: void, input: Input): boolean;
  /** Throws what a schema cannot see, before the job is stored: whoever asks in the background must not learn it later. */
  check?(this: void, input: Input): void;
  /** A text field that is put into a spooled file before the job is stored, and reaches `run` as `ctx.upload`. The operation must take uploads. */
  readonly spool?: string;
  /** Queued or running jobs of one space with the same key are one job: who asks again watches the first. */
  uniqueKey?(this: void, input: Input): string | undefined;
  /** Rejects with `conflict` when that one job does not do what is asked for now. Without it whoever asks joins. */
  join?(this: void, input: Input, call: JoiningCall, job: JoinedJob<Input>): Promise<void>;
  /** What the job works on, for filters and lists: one word for the same thing whatever the operation, e.g. a repository's name. May reject, then there is no job. */
  subject?(this: void, input: Input, call: JoiningCall): string | undefined | Promise<string | undefined>;
  /** Cost assumed until the real one is known, in the lane's unit (child CPU ms, rows). Default 1000. */
  readonly estimate?: number;
  /** Runs at most, counting those cut off by a crash or a failure that may pass. Default 3. */
  readonly maxAttempts?: number;
  /** Did the run do only a part of what was asked? Then the job ends `partial`. Default: never. */
  isPartial?(this: void, output: unknown): boolean;
}

export type HttpMethod = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/** One thing a user can ask for, declared once: every surface, limit, metric and the isolation test come from this. */
export interface Operation<Service, Input extends z.ZodObject, Output extends z.ZodType> {
  /** snake_case, the MCP tool's name. */
  readonly name: string;
  readonly title: string;
  /** Written for models and people alike. A constant: no stored text ever gets in. */
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly effect: Effect;
  /** Calling twice with the same input leaves the same state as calling once. */
  readonly idempotent?: boolean;
  readonly lane: Lane;
  /** Scope the credential must hold; null = any valid credential. */
  readonly scope: Scope | null;
  readonly target: Target;
  readonly http: { readonly method: HttpMethod; readonly path: string };
  /** Not offered as an MCP tool (administration belongs to people, not to models). */
  readonly hiddenFromModels?: boolean;
  /** Rate units of a call; default 1. The gate takes them once per space for `spaces` targets. */
  rateCost?(this: void, input: z.output<Input>): number;
  /** REST accepts a raw body of this media type, spooled to disk and handed over as `ctx.upload`. */
  readonly upload?: { readonly mediaType: string };
  /** REST answers with a stream of JSON lines when asked for `application/x-ndjson`. */
  stream?(this: void, service: Service, input: z.output<Input>, ctx: OperationContext): AsyncIterable<unknown>;
  /** Its stream is a run of events with a place each (`type`, `seq`): REST answers with them when asked for `text/event-stream`, and a reader resumes by its input's `after`. */
  readonly numberedEvents?: true;
  readonly deprecated?: { readonly since: string; readonly sunset: string; readonly use: string };
  /** Waits for what happens elsewhere rather than works: takes no permit, and has no time-out but the one its input names. */
  readonly waits?: true;
  /** With `waits`: its service keeps a bounded line a user of its own, so its calls do not count among those that wait for jobs. */
  readonly ownLine?: true;
  /** Runs as a job: the lane must be one of {@link JOB_LANES}. Without it a call ends with its request. */
  readonly job?: JobRules<z.output<Input>>;
  run(this: void, service: Service, input: z.output<Input>, ctx: OperationContext): Promise<z.output<Output>>;
}

/** Keeps the schema types of a declaration; does nothing at run time. */
export function defineOperation<Service>() {
  return <Input extends z.ZodObject, Output extends z.ZodType>(operation: Operation<Service, Input, Output>): Operation<Service, Input, Output> =>
    operation;
}

/** A declaration with its service bound, as gate and surfaces use it. Input has been parsed by `input` before `run`. */
export interface BoundOperation extends Omit<AnyOperation<never>, 'run' | 'stream' | 'rateCost' | 'job'> {
  readonly job?: JobRules<Readonly<Record<string, unknown>>>;
  readonly rateCost: (input: Readonly<Record<string, unknown>>) => number;
  readonly run: (input: Readonly<Record<string, unknown>>, ctx: OperationContext) => Promise<unknown>;
  readonly stream?: (input: Readonly<Record<string, unknown>>, ctx: OperationContext) => AsyncIterable<unknown>;
}

/** The declaration alone, without its service: what documentation, completion and the isolation test read. */
export type OperationDeclaration = Omit<BoundOperation, 'run' | 'stream'>;

/** Any declaration of a domain whose service is `Service`. */
export type AnyOperation<Service> = Operation<Service, z.ZodObject, z.ZodType>;

/** The declaration without what it runs on. */
export function declarationOf<Service>(operation: AnyOperation<Service>): OperationDeclaration {
  const { run: _run, stream: _stream, rateCost, job, ...declaration } = operation;
  return { ...declaration, ...(job === undefined ? {} : { job }), rateCost: (input) => rateCost?.(input) ?? 1 };
}

/** Binds a declaration to its service. */
export function bindOperation<Service>(operation: AnyOperation<Service>, service: Service): BoundOperation {
  const { run, stream } = operation;
  return {
    ...declarationOf(operation),
    run: (input, ctx) => run(service, input, ctx),
    ...(stream === undefined ? {} : { stream: (input: Readonly<Record<string, unknown>>, ctx: OperationContext) => stream(service, input, ctx) }),
  };
}
