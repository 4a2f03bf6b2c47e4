import { randomBytes } from 'node:crypto';
import { type RunningServer, type ServerOverrides, startServer } from '../../src/app/server.ts';
import type { Settings } from '../../src/config/options.ts';
import { settingsWith } from '../../src/config/settings.ts';
import { type Logger, silentLogger } from '../../src/kernel/logger.ts';
import type { BoundOperation, Role, Scope } from '../../src/kernel/operation.ts';
import { type SourceFiles, writeSources } from './sources.ts';
import { temporaryFolder } from './storage.ts';
import { type Answer, type Caller, callMcp, callRest, type Input, inProcess, operationNamed, overSocket, restAnswer, type Send } from './wire.ts';

/** A user of the town, with a key that holds every scope a member's key can hold. */
export interface Citizen extends Caller {
  readonly id: string;
  readonly name: string;
  /** Id of the personal space. */
  readonly personal: string;
}

/** What a key shall hold. */
export interface KeyWish {
  readonly name?: string;
  readonly scopes?: readonly Scope[];
  readonly spaces?: readonly string[];
}

const MEMBER_SCOPES: readonly Scope[] = ['memory:read', 'memory:write', 'code:read', 'code:write', 'chat', 'keys:manage', 'spaces:manage'];

/** Rates nobody meets by accident. */
const NO_RATES = {
  RATE_LIMIT_MEMORY_PER_MIN: 1_000_000,
  RATE_LIMIT_BULK_PER_HOUR: 1_000_000,
  RATE_LIMIT_SEARCH_PER_MIN: 1_000_000,
  RATE_LIMIT_CHAT_PER_MIN: 1_000_000,
  RATE_LIMIT_SYNC_PER_HOUR: 1_000_000,
  RATE_LIMIT_BATCH_PER_DAY: 1_000_000,
  RATE_LIMIT_ADMIN_PER_MIN: 1_000_000,
} as const;

export interface TownOptions {
  readonly settings?: Partial<Settings>;
  readonly overrides?: ServerOverrides;
  readonly logger?: Logger;
  /** Talk over sockets instead of in process. */
  readonly sockets?: boolean;
  /** Keep the product's own rates instead of rates nobody meets. */
  readonly realRates?: boolean;
  /** A data folder that is there already, and stays; else a new one. */
  readonly dataDir?: string;
}

/** A running server with users, and the calls tests make there. Everything goes at dispose. */
export class Town implements AsyncDisposable {
  readonly server: RunningServer;
  readonly dataDir: string;
  /** The owner, who holds every scope. */
  readonly admin: Caller;
  readonly send: Send;
  readonly #folder: AsyncDisposable;
  readonly #sources: AsyncDisposable[] = [];

  constructor(server: RunningServer, folder: AsyncDisposable & { readonly path: string }, sockets: boolean) {
    this.server = server;
    this.dataDir = folder.path;
    this.#folder = folder;
    this.admin = { key: server.localKey };
    this.send = sockets ? overSocket(server.url) : inProcess(server.fetch);
  }

  operation(name: string): BoundOperation {
    return operationNamed(this.server.operations, name);
  }

  /** One call over REST. */
  rest(caller: Caller, name: string, input: Input = {}, extra: Parameters<typeof callRest>[4] = {}): Promise<Answer> {
    return callRest(this.send, caller, this.operation(name), input, extra);
  }

  /** One call over MCP. */
  mcp(caller: Caller, name: string, input: Input = {}): Promise<Answer> {
    return callMcp(this.send, caller, name, input);
  }

  /** One REST call that must succeed; answers with its output. */
  async done(caller: Caller, name: string, input: Input = {}, extra: Parameters<typeof callRest>[4] = {}): Promise<Record<string, unknown>> {
    return expectDone(await this.rest(caller, name, input, extra), name);
  }

  /** All lines of an export, header and end line left out. */
  async exported(caller: Caller, query = ''): Promise<Record<string, unknown>[]> {
    const response = await this.send(`/api/v1/memories/export${query}`, {
      headers: { authorization: `Bearer ${caller.key}`, accept: 'application/x-ndjson' },
    });
    const lines = (await response.text()).trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => !('polymnia' in line));
  }

  /** Uploads lines to be imported. */
  async import(caller: Caller, lines: readonly string[], headers: Record<string, string> = {}): Promise<Answer> {
    const response = await this.send('/api/v1/memories/import', {
      method: 'POST',
      headers: { authorization: `Bearer ${caller.key}`, 'content-type': 'application/x-ndjson', ...headers },
      body: lines.join('\n'),
    });
    return restAnswer(response.status, await response.text());
  }

  async citizen(name: string, wish: KeyWish = {}): Promise<Citizen> {
    const { user } = (await this.done(this.admin, 'create_user', { name })) as { user: { id: string } };
    const { secret } = await this.keyFor(user.id, wish);
    const { spaces } = (await this.done({ key: secret }, 'whoami')) as { spaces: { id: string; kind: string }[] };
    return { id: user.id, name, key: secret, personal: spaces.find(({ kind }) => kind === 'personal')?.id ?? '' };
  }

  async keyFor(
    userId: string,
    { name = 'key', scopes = MEMBER_SCOPES, spaces }: KeyWish = {},
  ): Promise<{ readonly id: string; readonly secret: string }> {
    const { key, secret } = (await this.done(this.admin, 'create_key', { name, userId, scopes, ...(spaces === undefined ? {} : { spaces }) })) as {
      key: { id: string };
      secret: string;
    };
    return { id: key.id, secret };
  }

  /** A shared space of the owner's, with these members. */
  async sharedSpace(owner: Caller, name: string, members: readonly (readonly [Citizen, Role])[] = []): Promise<string> {
    const { space } = (await this.done(owner, 'create_space', { name })) as { space: { id: string } };
    for (const [{ id }, role] of members) await this.done(owner, 'set_member', { spaceId: space.id, userId: id, role });
    return space.id;
  }

  /** A folder with these files, by their paths, which everybody may index. It goes with the town. */
  async sources(files: SourceFiles): Promise<string> {
    const folder = await temporaryFolder();
    this.#sources.push(folder);
    await writeSources(folder.path, files);
    await this.done(this.admin, 'set_code_roots', { add: [folder.path] });
    return folder.path;
  }

  /** Stops the server and keeps the folder. */
  stop(graceMs?: number): Promise<void> {
    return this.server.stop(graceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop(0);
    await this.#folder[Symbol.asyncDispose]();
    for (const folder of this.#sources) await folder[Symbol.asyncDispose]();
  }
}

/** Starts a server on a folder of its own. */
export async function openTown({
  settings = {},
  overrides = {},
  logger = silentLogger,
  sockets = false,
  realRates = false,
  dataDir,
}: TownOptions = {}): Promise<Town> {
  const folder = dataDir === undefined ? await temporaryFolder() : { path: dataDir, [Symbol.asyncDispose]: async () => {} };
  try {
    const chosen = settingsWith({
      ...(realRates ? {} : NO_RATES),
      PORT: 0,
      STORAGE_WRITERS: 2,
      WORKER_NICENESS: 0,
      ...settings,
      DATA_DIR: folder.path,
    });
    return new Town(await startServer(chosen, logger, { checkOutputs: true, ...overrides }), folder, sockets);
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

/** The output of a call that must have succeeded. */
export function expectDone(answer: Answer, name: string): Record<string, unknown> {
  if (!answer.ok) throw new Error(`${name} answered ${answer.status}: ${answer.text.slice(0, 500)}`);
  return answer.body;
}

/** A text that stands nowhere else. */
export function canary(): string {
  return `canary${randomBytes(12).toString('hex')}`;
}
