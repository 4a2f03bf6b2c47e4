import type { z } from 'zod';
import type { RecordKind, SpaceKey } from './ids.ts';
import type { Logger } from './logger.ts';

/** What an operation does to stored things; decides MCP annotations and which permits it takes. */
export type Effect = 'read' | 'write' | 'destructive';

/** A class of operations with its own permits, time-out and rate. Domains built later add theirs here. */
export const LANES = ['memory', 'bulk', 'admin'] as const;
export type Lane = (typeof LANES)[number];

/** What a credential may do. `admin` implies no other scope; `on_behalf` lets a service act for users it named itself. */
export const SCOPES = ['memory:read', 'memory:write', 'keys:manage', 'spaces:manage', 'on_behalf', 'admin'] as const;
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
  /** The user's own limits where they differ from the server's. */
  readonly limits: UserLimits;
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

/** Storage reserved before it is spent; settle it with what was really used, or dispose it to give all back. */
export interface Reservation extends Disposable {
  settle(actualBytes: number): void;
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
  progress(progress: Progress): void;
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
  readonly deprecated?: { readonly since: string; readonly sunset: string; readonly use: string };
  run(this: void, service: Service, input: z.output<Input>, ctx: OperationContext): Promise<z.output<Output>>;
}

/** Keeps the schema types of a declaration; does nothing at run time. */
export function defineOperation<Service>() {
  return <Input extends z.ZodObject, Output extends z.ZodType>(operation: Operation<Service, Input, Output>): Operation<Service, Input, Output> =>
    operation;
}

/** A declaration with its service bound, as gate and surfaces use it. Input has been parsed by `input` before `run`. */
export interface BoundOperation extends Omit<AnyOperation<never>, 'run' | 'stream' | 'rateCost'> {
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
  const { run: _run, stream: _stream, rateCost, ...declaration } = operation;
  return { ...declaration, rateCost: (input) => rateCost?.(input) ?? 1 };
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
