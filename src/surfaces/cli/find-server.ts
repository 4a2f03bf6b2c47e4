import { readFile, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { loadSettings } from '../../config/settings.ts';
import { PolymniaError, systemCode } from '../../kernel/errors.ts';
import type { CliDeps } from './cli-deps.ts';

/** Where a running server says how to reach it, inside its data folder. */
export const SERVER_FILE = 'server.json';

const serverFile = z.object({ pid: z.int().min(1), url: z.string().max(2048), key: z.string().min(1).max(512) });

/** What a running server tells the commands of its own machine. */
export type LocalServer = z.output<typeof serverFile>;

/** A server and the credential to use there. */
export interface ServerTarget {
  /** Base URL without a trailing slash, e.g. `http://127.0.0.1:4100`. */
  readonly url: string;
  /** Sent to `url` and nowhere else. */
  readonly key: string;
  /** The server of the data folder, which runs on this machine. */
  readonly isLocal: boolean;
}

/** Where to look, as given on the command line; each before its environment variable. */
export interface ServerChoice {
  readonly url?: string;
  readonly key?: string;
  readonly dataDir?: string;
}

type Source = Pick<CliDeps, 'env' | 'cwd'>;

/** The data folder commands mean: `--data-dir`, environment, `.env` of the working folder, default; absolute. */
export function dataDirOf(choice: ServerChoice, source: Source): string {
  if (choice.dataDir !== undefined) return resolve(source.cwd, choice.dataDir);
  return resolve(source.cwd, loadSettings({ env: source.env, flags: [], dotenvPath: join(source.cwd, '.env') }).DATA_DIR);
}

/**
 * The server to talk to: `--url` or `POLYMNIA_URL`, else the one that owns the data folder. The local key is used only for
 * the address it was given for. Throws with how to start a server, or how to give a key.
 */
export async function findServer(choice: ServerChoice, source: Source): Promise<ServerTarget> {
  const key = choice.key ?? given(source.env['POLYMNIA_KEY']);
  const asked = choice.url ?? given(source.env['POLYMNIA_URL']);
  if (asked !== undefined) {
    if (key === undefined) throw new PolymniaError('unauthenticated', 'A server is named by --url or POLYMNIA_URL, but no key: set POLYMNIA_KEY.');
    return { url: baseUrl(asked, '--url or POLYMNIA_URL'), key, isLocal: false };
  }
  const dataDir = dataDirOf(choice, source);
  const local = await readServerFile(dataDir);
  if (local === undefined) throw noServer(dataDir);
  return { url: baseUrl(local.url, join(dataDir, SERVER_FILE)), key: key ?? local.key, isLocal: true };
}

/** No server has left its address in the data folder. */
export function noServer(dataDir: string): PolymniaError {
  return new PolymniaError('upstream_failed', `No server is running on ${dataDir}.`, {
    details: { reason: NO_SERVER, hint: 'Start one with "polymnia serve", name its folder with --data-dir, or a server elsewhere with --url.' },
  });
}

/** `details.reason` of the errors that say that nobody answers. */
export const NO_SERVER = 'no_server';

function given(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value;
}

function baseUrl(text: string, where: string): string {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.username !== '' || url.password !== '') {
    throw new PolymniaError(
      'invalid_input',
      `The address in ${where} must be an http or https URL without user and password, such as http://127.0.0.1:4100.`,
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/**
 * What the server of a data folder wrote about itself; undefined when there is no such file. Refuses a file that another
 * user wrote: whoever can plant one could have everything that is stored sent elsewhere.
 */
export async function readServerFile(dataDir: string): Promise<LocalServer | undefined> {
  const path = join(dataDir, SERVER_FILE);
  try {
    const owner = (await stat(path)).uid;
    const { uid } = userInfo();
    if (uid > 0 && owner !== uid && owner !== 0) {
      throw new PolymniaError(
        'forbidden',
        `${path} belongs to another user; run this as the user who runs the server, or use --url and POLYMNIA_KEY.`,
      );
    }
    return serverFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (error instanceof PolymniaError) throw error;
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'EACCES') {
      throw new PolymniaError('forbidden', `${path} may not be read; run this as the user who runs the server, or use --url and POLYMNIA_KEY.`, {
        cause: error,
      });
    }
    throw new PolymniaError('storage_unavailable', `${path} is not what a running server writes; restart the server.`);
  }
}
