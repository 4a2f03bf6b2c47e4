import { readFileSync } from 'node:fs';
import { parseArgs, parseEnv } from 'node:util';
import { type AnyOption, flagOf, OPTION_NAMES, OPTIONS, type OptionName, type Settings } from './options.ts';
import { PolymniaError, systemCode } from '../kernel/errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Value = Settings[OptionName];

/** Prefix of the environment variables, so that PORT or HOST of another program is never taken for ours. */
export const ENVIRONMENT_PREFIX = 'POLYMNIA_';

/**
 * Reads the configuration: flags before environment (`POLYMNIA_PORT`, or bare for names that are ours alone) before `.env`
 * before defaults. Refuses unknown flags, values of the wrong type or range, and settings that contradict each other, each
 * with a sentence that says what would be right.
 */
export function loadSettings(source: { readonly env: Environment; readonly flags: readonly string[]; readonly dotenvPath?: string }): Settings {
  const env = { ...readDotenv(source.dotenvPath), ...source.env };
  const flags = parseFlags(source.flags);
  const values = Object.fromEntries(OPTION_NAMES.map((name) => [name, valueOf(name, flags, env)]));
  const settings = Object.freeze(values) as Settings;
  refuseContradictions(settings);
  return settings;
}

/** The defaults with some values replaced: for tests and tools. Contradictions are refused as at start. */
export function settingsWith(overrides: Partial<Settings>): Settings {
  const defaults = Object.fromEntries(OPTION_NAMES.map((name) => [name, OPTIONS[name].default]));
  const settings = Object.freeze({ ...defaults, ...overrides }) as Settings;
  refuseContradictions(settings);
  return settings;
}

function readDotenv(path: string | undefined): Environment {
  if (path === undefined) return {};
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return {};
    throw new PolymniaError('invalid_input', `The file ${path} could not be read.`, { cause: error });
  }
}

function parseFlags(flags: readonly string[]): ReadonlyMap<string, string> {
  const options = Object.fromEntries(OPTION_NAMES.map((name) => [flagOf(name).slice(2), { type: 'string' } as const]));
  try {
    const { values } = parseArgs({ args: [...flags], options, strict: true, allowPositionals: false });
    return new Map(Object.entries(values).map(([flag, value]) => [flag, String(value)]));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PolymniaError('invalid_input', `${reason.replace(/\.?$/, '.')} See docs/configuration.md for all options.`, { cause: error });
  }
}

function valueOf(name: OptionName, flags: ReadonlyMap<string, string>, env: Environment): Value {
  const flag = flags.get(flagOf(name).slice(2));
  if (flag !== undefined) return parseValue(flagOf(name), OPTIONS[name], flag);
  for (const variable of environmentNames(name)) {
    const text = env[variable];
    if (text !== undefined && text !== '') return parseValue(variable, OPTIONS[name], text);
  }
  return OPTIONS[name].default;
}

/** Names other programs commonly set for themselves are ours only with the prefix. */
const PREFIX_ONLY: ReadonlySet<string> = new Set(['HOST', 'PORT', 'LOG_LEVEL']);

/** Environment variables that set an option, first one first. */
export function environmentNames(name: OptionName): readonly string[] {
  const prefixed = ENVIRONMENT_PREFIX + name;
  return PREFIX_ONLY.has(name) ? [prefixed] : [prefixed, name];
}

function parseValue(where: string, option: AnyOption, text: string): Value {
  switch (option.type) {
    case 'text':
      return text;
    case 'list':
      return text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '');
    case 'boolean':
      if (text === 'true' || text === 'false') return text === 'true';
      throw new PolymniaError('invalid_input', `${where} is "${text}", but must be true or false.`);
    case 'integer':
    case 'number':
      return parseNumber(where, option, text);
  }
}

function parseNumber(where: string, option: AnyOption, text: string): number {
  const value = Number(text);
  const { min = -Infinity, max = Infinity } = option;
  const isFit = Number.isFinite(value) && value >= min && value <= max && (option.type === 'number' || Number.isInteger(value));
  if (isFit) return value;
  const kind = option.type === 'integer' ? 'a whole number' : 'a number';
  const range = [min === -Infinity ? '' : ` of at least ${min}`, max === Infinity ? '' : ` and at most ${max}`].join('');
  throw new PolymniaError('invalid_input', `${where} is "${text}", but must be ${kind}${range}${option.unit ? ` (${option.unit})` : ''}.`);
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);
const LOG_LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error', 'silent'];

/** Is the address reachable from this machine only? */
export function isLoopback(host: string): boolean {
  return LOOPBACK.has(host);
}

/** The whole URL stands in errors of fetch, so a password in it would reach logs. */
function isPlainUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
}

/** Every form the Redis client understands, and nothing it would pass over. */
function isRedisUrl(text: string): boolean {
  if (!isPercentText(text)) return false;
  if (text.startsWith('unix:')) return /^unix:\/\/([^:@/?#]*:[^:@/?#]+@)?\/[^?#]+(\?db=\d+)?$/.test(text);
  const url = URL.parse(text);
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === '') return false;
  return (url.username === '' || url.password !== '') && /^(\/\d*)?$/.test(url.pathname) && url.search === '' && url.hash === '';
}

function isPercentText(text: string): boolean {
  try {
    return decodeURIComponent(text) !== '';
  } catch {
    return false;
  }
}

function refuseContradictions(settings: Settings): void {
  const refuse = (isWrong: boolean, sentence: string): void => {
    if (isWrong) throw new PolymniaError('invalid_input', sentence);
  };
  refuse(
    !isLoopback(settings.HOST) && settings.ALLOWED_HOSTS.length === 0,
    `HOST is ${settings.HOST}, which others can reach: also set ALLOWED_HOSTS to the names clients use (protection against DNS rebinding), or bind 127.0.0.1.`,
  );
  refuse(
    settings.EMBEDDING_URL !== '' && settings.EMBEDDING_MODEL === '',
    'EMBEDDING_URL is set, but not EMBEDDING_MODEL: name the model to ask for, or unset EMBEDDING_URL.',
  );
  refuse(
    settings.EMBEDDING_URL === '' && (settings.EMBEDDING_MODEL !== '' || settings.EMBEDDING_API_KEY !== ''),
    'EMBEDDING_MODEL or EMBEDDING_API_KEY is set, but has no effect without EMBEDDING_URL.',
  );
  refuse(settings.EMBEDDING_URL === '' && settings.CODE_EMBEDDING, 'CODE_EMBEDDING is on, but has no effect without EMBEDDING_URL.');
  refuse(
    settings.EMBEDDING_URL !== '' && !/^https?:$/.test(URL.parse(settings.EMBEDDING_URL)?.protocol ?? ''),
    `EMBEDDING_URL is "${settings.EMBEDDING_URL}", but must be an http or https URL.`,
  );
  refuse(
    settings.CHAT_MODEL_URL !== '' && settings.CHAT_MODEL.length === 0,
    'CHAT_MODEL_URL is set, but not CHAT_MODEL: name the model to ask for, or unset CHAT_MODEL_URL.',
  );
  refuse(
    settings.CHAT_MODEL_URL === '' && (settings.CHAT_MODEL.length > 0 || settings.CHAT_MODEL_API_KEY !== ''),
    'CHAT_MODEL or CHAT_MODEL_API_KEY is set, but has no effect without CHAT_MODEL_URL.',
  );
  for (const name of ['OPENAI', 'ANTHROPIC'] as const) {
    const isOff = settings[`${name}_API_KEY`] === '';
    refuse(!isOff && settings[`${name}_MODELS`].length === 0, `${name}_API_KEY is set, but ${name}_MODELS names no model.`);
  }
  for (const name of ['CHAT_MODEL_URL', 'OPENAI_BASE_URL', 'ANTHROPIC_BASE_URL'] as const) {
    refuse(settings[name] !== '' && !isPlainUrl(settings[name]), `${name} must be an http or https URL without a user name or password in it.`);
  }
  for (const name of ['CHAT_MODEL_API_KEY', 'OPENAI_API_KEY', 'ANTHROPIC_API_KEY'] as const) {
    refuse(!/^[\x21-\x7e]*$/.test(settings[name]), `${name} holds characters that no key has, such as a space or a line end.`);
  }
  refuse(
    settings.REDIS_URL !== '' && !isRedisUrl(settings.REDIS_URL),
    'REDIS_URL must be a redis://, rediss:// or unix:// URL with at most a user and password, a port and the number of a database; in a password write @ : / ? # % as %40 %3A %2F %3F %23 %25.',
  );
  refuse(
    settings.STORAGE_READERS === 1,
    'STORAGE_READERS is 1, but must be at least 2, so that one is always free for short reads (0 = choose by cores).',
  );
  refuse(
    settings.ARCHIVE_AFTER > 0 && settings.ARCHIVE_AFTER < settings.INACTIVE_AFTER,
    `ARCHIVE_AFTER (${settings.ARCHIVE_AFTER}) is less than INACTIVE_AFTER (${settings.INACTIVE_AFTER}), but must be at least as long, or 0 for never.`,
  );
  refuse(!LOG_LEVELS.includes(settings.LOG_LEVEL), `LOG_LEVEL is "${settings.LOG_LEVEL}", but must be one of ${LOG_LEVELS.join(', ')}.`);
  refuse(
    settings.MAX_CONCURRENT_OPS_PER_USER >= settings.MAX_CONCURRENT_MEMORY_OPS,
    `MAX_CONCURRENT_OPS_PER_USER (${settings.MAX_CONCURRENT_OPS_PER_USER}) must be below MAX_CONCURRENT_MEMORY_OPS (${settings.MAX_CONCURRENT_MEMORY_OPS}), else one user can hold the whole lane.`,
  );
}
