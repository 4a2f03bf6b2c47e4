/**
 * The one option table. Environment names, flags, defaults, help, `.env.example` and `docs/configuration.md` all come
 * from these rows; nothing else in the product reads the environment.
 */

interface OptionRow<Type extends string, Value> {
  readonly type: Type;
  readonly default: Value;
  /** Unit of a number, as the reference shows it. */
  readonly unit?: string;
  readonly group: string;
  readonly help: string;
  /** Never shown in logs or answers. */
  readonly secret?: boolean;
  readonly min?: number;
  readonly max?: number;
}

type Option =
  | OptionRow<'integer', number>
  | OptionRow<'number', number>
  | OptionRow<'text', string>
  /** Comma-separated. */
  | OptionRow<'list', readonly string[]>;

const SERVER = 'Server';
const LANES = 'Lanes: concurrency, time-outs, rates';
const FAIRNESS = 'Fairness and quotas';
const STORAGE = 'Storage';
const EMBEDDING = 'Embeddings';
const LOGGING = 'Logs and metrics';

export const OPTIONS = {
  HOST: { type: 'text', default: '127.0.0.1', group: SERVER, help: 'Address to listen on. Anything but loopback also needs ALLOWED_HOSTS.' },
  PORT: { type: 'integer', default: 4100, min: 0, max: 65535, group: SERVER, help: 'Port to listen on; 0 takes a free one.' },
  DATA_DIR: { type: 'text', default: 'data', group: SERVER, help: 'Folder that holds everything stored. One running server owns it.' },
  ALLOWED_HOSTS: {
    type: 'list',
    default: [],
    group: SERVER,
    help: 'Host names clients may use, beside loopback names. Needed for a bind elsewhere.',
  },
  ALLOWED_ORIGINS: {
    type: 'list',
    default: [],
    group: SERVER,
    help: 'Origins of web pages that may call, e.g. https://chat.example. Requests without an Origin always may.',
  },
  MAX_BODY_BYTES: {
    type: 'integer',
    default: 8 * 1024 * 1024,
    unit: 'bytes',
    min: 65_536,
    group: SERVER,
    help: 'Largest request body, imports aside.',
  },
  MAX_IMPORT_BYTES: { type: 'integer', default: 1024 * 1024 * 1024, unit: 'bytes', min: 1024, group: SERVER, help: 'Largest body of one import.' },
  HEADERS_TIMEOUT: {
    type: 'integer',
    default: 10_000,
    unit: 'ms',
    min: 100,
    group: SERVER,
    help: 'A client must have sent its headers within this time.',
  },
  REQUEST_TIMEOUT: {
    type: 'integer',
    default: 60_000,
    unit: 'ms',
    min: 100,
    group: SERVER,
    help: 'A client must have sent its body within this time; imports have BULK_OP_TIMEOUT.',
  },
  DRAIN_TIMEOUT: {
    type: 'integer',
    default: 30_000,
    unit: 'ms',
    min: 0,
    group: SERVER,
    help: 'On SIGTERM, how long running calls may take to finish.',
  },

  MAX_CONCURRENT_MEMORY_OPS: { type: 'integer', default: 20, min: 2, group: LANES, help: 'Memory reads in flight on this node, and as many writes.' },
  MEMORY_OP_TIMEOUT: { type: 'integer', default: 30_000, unit: 'ms', min: 10, group: LANES, help: 'Limit of one memory call, waiting included.' },
  RATE_LIMIT_MEMORY_PER_MIN: { type: 'integer', default: 100, min: 1, group: LANES, help: 'Memory calls of one user in any 60 seconds.' },
  MAX_CONCURRENT_BULK_OPS: {
    type: 'integer',
    default: 2,
    min: 1,
    group: LANES,
    help: 'Imports, exports and deletions by filter in flight on this node.',
  },
  BULK_OP_TIMEOUT: { type: 'integer', default: 7_200_000, unit: 'ms', min: 10, group: LANES, help: 'Limit of one bulk call.' },
  RATE_LIMIT_BULK_PER_HOUR: { type: 'integer', default: 20, min: 1, group: LANES, help: 'Bulk calls of one user in any hour.' },
  MAX_CONCURRENT_ADMIN_OPS: { type: 'integer', default: 4, min: 1, group: LANES, help: 'Administrative calls in flight on this node.' },
  ADMIN_OP_TIMEOUT: { type: 'integer', default: 30_000, unit: 'ms', min: 10, group: LANES, help: 'Limit of one administrative call.' },
  RATE_LIMIT_ADMIN_PER_MIN: { type: 'integer', default: 60, min: 1, group: LANES, help: 'Administrative calls of one user in any 60 seconds.' },

  MAX_CONCURRENT_OPS_PER_USER: { type: 'integer', default: 10, min: 1, group: FAIRNESS, help: 'Calls of one user in flight, over all lanes.' },
  MAX_WAITING_PER_USER: {
    type: 'integer',
    default: 32,
    min: 1,
    group: FAIRNESS,
    help: 'Calls of one user waiting in one lane; one more is refused.',
  },
  SERVICE_SHARE: {
    type: 'integer',
    default: 20,
    min: 1,
    group: FAIRNESS,
    help: 'A service and the users it acts for may together use this many times the rate, storage and share of one user.',
  },
  MAX_USERS_PER_SERVICE: { type: 'integer', default: 10_000, min: 1, group: FAIRNESS, help: 'Users one service may act for.' },
  NEW_SERVICE_USERS_PER_MIN: {
    type: 'integer',
    default: 600,
    min: 1,
    group: FAIRNESS,
    help: 'Users one service may name for the first time in any 60 seconds.',
  },
  MAX_STORAGE_MB: {
    type: 'integer',
    default: 1000,
    unit: 'MB',
    min: 1,
    group: FAIRNESS,
    help: 'Storage of one user, over all spaces the user pays for.',
  },

  STORAGE_READERS: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 64,
    group: STORAGE,
    help: 'Reader threads; 0 = as many as processor cores, at least 2.',
  },
  STORAGE_WRITERS: { type: 'integer', default: 8, min: 1, max: 64, group: STORAGE, help: 'Writer threads; they wait for the disk in parallel.' },
  STORAGE_OPEN_FILES: { type: 'integer', default: 64, min: 2, group: STORAGE, help: 'Space files one thread keeps open.' },
  SQLITE_CACHE_SIZE: { type: 'integer', default: 2048, unit: 'KiB', min: 64, group: STORAGE, help: 'Page cache of one open file.' },
  SQLITE_MMAP_SIZE: {
    type: 'integer',
    default: 0,
    unit: 'bytes',
    min: 0,
    group: STORAGE,
    help: 'Memory-mapped I/O; 0 = off, since a mapped read error ends the process.',
  },
  SQLITE_BUSY_TIMEOUT: {
    type: 'integer',
    default: 5000,
    unit: 'ms',
    min: 0,
    group: STORAGE,
    help: 'How long SQLite waits for a lock of another connection.',
  },
  IDEMPOTENCY_TTL: {
    type: 'integer',
    default: 86_400_000,
    unit: 'ms',
    min: 1000,
    group: STORAGE,
    help: 'How long the answer to an Idempotency-Key is kept.',
  },
  SWEEP_INTERVAL: {
    type: 'integer',
    default: 30_000,
    unit: 'ms',
    min: 10,
    group: STORAGE,
    help: 'How often expired memories and other background work are looked for.',
  },

  EMBEDDING_URL: {
    type: 'text',
    default: '',
    group: EMBEDDING,
    help: 'Base URL of an OpenAI-compatible embeddings endpoint, e.g. http://127.0.0.1:11434/v1; empty = words only.',
  },
  EMBEDDING_MODEL: { type: 'text', default: '', group: EMBEDDING, help: 'Model name to ask for. Changing it re-embeds in the background.' },
  EMBEDDING_API_KEY: { type: 'text', default: '', secret: true, group: EMBEDDING, help: 'Key sent to the embeddings endpoint as a bearer token.' },
  EMBEDDING_BATCH: { type: 'integer', default: 32, min: 1, max: 512, group: EMBEDDING, help: 'Texts sent in one request.' },
  EMBEDDING_TIMEOUT: { type: 'integer', default: 30_000, unit: 'ms', min: 10, group: EMBEDDING, help: 'Limit of one request for stored texts.' },
  EMBEDDING_QUERY_TIMEOUT: {
    type: 'integer',
    default: 1000,
    unit: 'ms',
    min: 10,
    group: EMBEDDING,
    help: 'Limit of embedding a query; beyond it the search goes on with words alone.',
  },

  LOG_LEVEL: { type: 'text', default: 'info', group: LOGGING, help: 'debug, info, warn, error or silent.' },
  METRICS_TOKEN: {
    type: 'text',
    default: '',
    secret: true,
    group: LOGGING,
    help: 'Bearer token that may read /metrics; empty = administrators only.',
  },
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof OPTIONS;

interface ValueByType {
  readonly integer: number;
  readonly number: number;
  readonly text: string;
  readonly list: readonly string[];
}

/** The parsed configuration: one value per row, by its environment name. Frozen. */
export type Settings = { readonly [Name in OptionName]: ValueByType[(typeof OPTIONS)[Name]['type']] };

/** A row without its literal types, for code that walks the table. */
export type AnyOption = Option;

export const OPTION_NAMES = Object.keys(OPTIONS) as OptionName[];

/** `MAX_STORAGE_MB` → `--max-storage-mb`. */
export function flagOf(name: OptionName): string {
  return `--${name.toLowerCase().replaceAll('_', '-')}`;
}
