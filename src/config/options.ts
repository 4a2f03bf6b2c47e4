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
  /** `true` or `false`. */
  | OptionRow<'boolean', boolean>
  /** Comma-separated. */
  | OptionRow<'list', readonly string[]>;

const SERVER = 'Server';
const LANES = 'Lanes: concurrency, time-outs, rates';
const FAIRNESS = 'Fairness and quotas';
const JOBS = 'Jobs and workers';
const CODE = 'Code';
const STORAGE = 'Storage';
const EMBEDDING = 'Embeddings';
const MODELS = 'Language models';
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
  MAX_CONCURRENT_SEARCH_OPS: { type: 'integer', default: 8, min: 1, group: LANES, help: 'Code searches in flight on this node.' },
  SEARCH_OP_TIMEOUT: { type: 'integer', default: 30_000, unit: 'ms', min: 10, group: LANES, help: 'Limit of one code search, waiting included.' },
  RATE_LIMIT_SEARCH_PER_MIN: { type: 'integer', default: 100, min: 1, group: LANES, help: 'Code searches of one user in any 60 seconds.' },
  MAX_CONCURRENT_CHAT_OPS: {
    type: 'integer',
    default: 2000,
    min: 1,
    group: LANES,
    help: 'Chats in flight on this node; most of the time they wait for a model.',
  },
  CHAT_OP_TIMEOUT: { type: 'integer', default: 120_000, unit: 'ms', min: 10, group: LANES, help: 'Limit of one chat answer, waiting included.' },
  RATE_LIMIT_CHAT_PER_MIN: { type: 'integer', default: 30, min: 1, group: LANES, help: 'Chat calls of one user in any 60 seconds.' },
  MAX_CONCURRENT_SYNC_OPS: { type: 'integer', default: 3, min: 1, group: LANES, help: 'Repository syncs running at once.' },
  SYNC_OP_TIMEOUT: { type: 'integer', default: 3_600_000, unit: 'ms', min: 100, group: LANES, help: 'Limit of one sync, from its start.' },
  RATE_LIMIT_SYNC_PER_HOUR: {
    type: 'integer',
    default: 5,
    min: 1,
    group: LANES,
    help: 'Syncs of one user in any hour; unsuccessful ones do not count.',
  },
  MAX_CONCURRENT_BATCH_OPS: { type: 'integer', default: 2, min: 1, group: LANES, help: 'Analyses running at once.' },
  BATCH_OP_TIMEOUT: { type: 'integer', default: 7_200_000, unit: 'ms', min: 100, group: LANES, help: 'Limit of one analysis, from its start.' },
  RATE_LIMIT_BATCH_PER_DAY: {
    type: 'integer',
    default: 10,
    min: 1,
    group: LANES,
    help: 'Analyses of one user in any 24 hours; unsuccessful ones do not count.',
  },
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

  MAX_JOBS_PER_USER: { type: 'integer', default: 10, min: 1, group: JOBS, help: 'Jobs of one user queued or running, over all lanes.' },
  MAX_QUEUED_JOBS: { type: 'integer', default: 10_000, min: 1, group: JOBS, help: 'Queued jobs of one lane, over all users.' },
  JOB_LEASE: {
    type: 'integer',
    default: 30_000,
    unit: 'ms',
    min: 200,
    group: JOBS,
    help: 'A running job whose worker was not heard of for this time is taken up again.',
  },
  JOB_QUEUE_TIMEOUT: { type: 'integer', default: 86_400_000, unit: 'ms', min: 1000, group: JOBS, help: 'How long a job may wait for its start.' },
  JOB_DETACH_GRACE: {
    type: 'integer',
    default: 600_000,
    unit: 'ms',
    min: 0,
    group: JOBS,
    help: 'A job nobody waits for any more is cancelled after this time, unless it was asked for in the background.',
  },
  JOB_RETENTION: { type: 'integer', default: 2_592_000_000, unit: 'ms', min: 60_000, group: JOBS, help: 'How long ended jobs are kept.' },
  MCP_WAIT: {
    type: 'integer',
    default: 50_000,
    unit: 'ms',
    min: 0,
    group: JOBS,
    help: 'How long an MCP call waits for its job before it answers with the job as it stands; clients give up at 60 s.',
  },
  MAX_EVENT_STREAMS_PER_USER: { type: 'integer', default: 8, min: 1, group: JOBS, help: 'Open event streams of one user.' },
  MAX_EVENT_STREAMS: { type: 'integer', default: 2000, min: 1, group: JOBS, help: 'Open event streams of this node.' },
  MEMORY_WORKERS: {
    type: 'integer',
    default: 10,
    min: 1,
    max: 64,
    group: JOBS,
    help: 'At most this many imports and deletions run at once, whatever the lane allows.',
  },
  CODE_WORKERS: { type: 'integer', default: 3, min: 1, max: 64, group: JOBS, help: 'At most this many child processes for syncs and analyses.' },
  WORKER_CPUS: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 256,
    group: JOBS,
    help: 'Child processes that use the processor at the same moment; the others are paused in turn. 0 = one fewer than cores, at least 1.',
  },
  WORKER_NICENESS: {
    type: 'integer',
    default: 19,
    min: 0,
    max: 19,
    group: JOBS,
    help: 'OS priority of child processes: 19 takes only what others leave, 0 is as any other process.',
  },
  WORKER_MEMORY_MB: { type: 'integer', default: 2048, unit: 'MB', min: 128, group: JOBS, help: 'A child process above this is ended.' },

  MAX_REPOSITORIES_PER_SPACE: { type: 'integer', default: 100, min: 1, group: CODE, help: 'Repositories of one space.' },
  INDEX_THREADS: { type: 'integer', default: 0, min: 0, max: 64, group: CODE, help: 'Parser threads of one sync; 0 = as many as cores, at most 4.' },
  CODE_READERS: { type: 'integer', default: 2, min: 1, max: 64, group: CODE, help: 'Threads that search code.' },
  SYNC_MAX_FILES: { type: 'integer', default: 200_000, min: 1, group: CODE, help: 'Files of one repository; more are listed as skipped.' },
  SYNC_MAX_MB: { type: 'integer', default: 2048, unit: 'MB', min: 1, group: CODE, help: 'Source text of one repository; more is listed as skipped.' },
  SYNC_MAX_FILE_KB: { type: 'integer', default: 2048, unit: 'KiB', min: 1, group: CODE, help: 'Larger files are listed as skipped.' },
  SYNC_MAX_PARSE_KB: { type: 'integer', default: 1024, unit: 'KiB', min: 1, group: CODE, help: 'Larger files are searchable as text only.' },
  SYNC_MAX_PARSE_MS: {
    type: 'integer',
    default: 2000,
    unit: 'ms',
    min: 10,
    group: CODE,
    help: 'A file that takes longer to parse is searchable as text only.',
  },
  CLONE_TIMEOUT: { type: 'integer', default: 1_800_000, unit: 'ms', min: 1000, group: CODE, help: 'Limit of one clone or fetch.' },
  CLONE_MAX_MB: { type: 'integer', default: 4096, unit: 'MB', min: 1, group: CODE, help: 'A bare clone that grows beyond this is given up.' },
  GIT_ALLOW_SSH: {
    type: 'boolean',
    default: false,
    group: CODE,
    help: 'Accept ssh:// git URLs beside https://. They use the keys of the account the server runs under.',
  },
  GIT_PRIVATE_HOSTS: {
    type: 'list',
    default: [],
    group: CODE,
    help: 'Host names or addresses in private networks that git URLs may name; all other private addresses are refused.',
  },
  GIT_ONLY_HOSTS: {
    type: 'list',
    default: [],
    group: CODE,
    help: 'Public hosts that git URLs may name, for servers that shall fetch from nowhere else. Empty = every public host.',
  },
  GIT_CA_FILE: {
    type: 'text',
    default: '',
    group: CODE,
    help: "PEM file of the certificate authorities git trusts for https:// URLs, in the place of the system's: for git servers behind an authority of your own. Empty = the system's.",
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
  STORAGE_OPEN_FILES: { type: 'integer', default: 64, min: 2, group: STORAGE, help: 'Space files one storage thread keeps open.' },
  STORAGE_READER_FILES: {
    type: 'integer',
    default: 1000,
    min: 2,
    group: STORAGE,
    help: 'Space files the reader for short reads keeps open: about as many as users are active at once, 0.1 MB each.',
  },
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
  CODE_EMBEDDING: {
    type: 'boolean',
    default: false,
    group: EMBEDDING,
    help: 'Also embed code, after each sync, for search_code by meaning; needs EMBEDDING_URL. A large repository is many requests.',
  },

  OPENAI_API_KEY: {
    type: 'text',
    default: '',
    secret: true,
    group: MODELS,
    help: 'Key of an OpenAI account; alone it makes chat work, with the models of OPENAI_MODELS.',
  },
  OPENAI_MODELS: {
    type: 'list',
    default: ['gpt-4o-mini'],
    group: MODELS,
    help: 'Models offered with OPENAI_API_KEY, by the names OpenAI gives them; the first model of all is the default one.',
  },
  OPENAI_BASE_URL: {
    type: 'text',
    default: 'https://api.openai.com/v1',
    group: MODELS,
    help: 'Where OPENAI_API_KEY is sent: OpenAI itself, or a gateway in front of it.',
  },
  ANTHROPIC_API_KEY: { type: 'text', default: '', secret: true, group: MODELS, help: 'Key of an Anthropic account.' },
  ANTHROPIC_MODELS: {
    type: 'list',
    default: ['claude-haiku-4-5'],
    group: MODELS,
    help: 'Models offered with ANTHROPIC_API_KEY, by the names Anthropic gives them.',
  },
  ANTHROPIC_BASE_URL: {
    type: 'text',
    default: 'https://api.anthropic.com',
    group: MODELS,
    help: 'Where ANTHROPIC_API_KEY is sent: Anthropic itself, or a gateway in front of it.',
  },
  CHAT_MODEL_URL: {
    type: 'text',
    default: '',
    group: MODELS,
    help: 'Base URL of any OpenAI-compatible server (Ollama, LM Studio, vLLM, llama.cpp, OpenRouter), e.g. http://127.0.0.1:11434/v1.',
  },
  CHAT_MODEL: { type: 'list', default: [], group: MODELS, help: 'Models offered from CHAT_MODEL_URL; they come before those of other providers.' },
  CHAT_MODEL_API_KEY: {
    type: 'text',
    default: '',
    secret: true,
    group: MODELS,
    help: 'Key sent to CHAT_MODEL_URL as a bearer token, if it needs one.',
  },
  CHAT_MODEL_CONCURRENCY: {
    type: 'integer',
    default: 500,
    min: 1,
    group: MODELS,
    help: 'Calls in flight to one model, shared fairly between users; for a local server as many as it works on at once.',
  },
  CHAT_FIRST_TOKEN_TIMEOUT: {
    type: 'integer',
    default: 60_000,
    unit: 'ms',
    min: 10,
    group: MODELS,
    help: 'A model must have begun its answer within this time.',
  },
  CHAT_TOKEN_TIMEOUT: { type: 'integer', default: 30_000, unit: 'ms', min: 10, group: MODELS, help: 'Longest pause of a model inside an answer.' },

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
  readonly boolean: boolean;
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
