import { LANE_OPTIONS } from './lane-options.ts';
import { MODEL_OPTIONS } from './model-options.ts';
import type { Option } from './option.ts';

/**
 * The one option table. Environment names, flags, defaults, help, `.env.example` and `docs/configuration.md` all come
 * from these rows; nothing else in the product reads the environment.
 */

const SERVER = 'Server';
const CODE = 'Code';
const STORAGE = 'Storage';
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

  ...LANE_OPTIONS,

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
  STORAGE_OPEN_FILES: {
    type: 'integer',
    default: 160,
    min: 2,
    group: STORAGE,
    help: 'Space files each writer, and each reader for long reads, keeps open: those of all writers together are those of the users who write in turn, 0.17 MB each.',
  },
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
  INACTIVE_AFTER: {
    type: 'integer',
    default: 86_400_000,
    unit: 'ms',
    min: 1,
    group: STORAGE,
    help: 'Of users who made no call for this time, through any door, the daily clean-up closes files and forgets what is only kept to be quick.',
  },
  ARCHIVE_AFTER: {
    type: 'integer',
    default: 2_592_000_000,
    unit: 'ms',
    min: 0,
    group: STORAGE,
    help: 'Spaces nobody used for this time are archived: compressed, and unpacked again by their next use. 0 = never.',
  },
  REDIS_URL: {
    type: 'text',
    default: '',
    secret: true,
    group: STORAGE,
    help: 'Redis that keeps the last hour of conversations at hand, e.g. rediss://:password@redis.example:6379/0 or unix:///run/redis/redis.sock; empty = each server keeps its own.',
  },

  ...MODEL_OPTIONS,

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
