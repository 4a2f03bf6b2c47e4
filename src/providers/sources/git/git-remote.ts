import { lookup } from 'node:dns/promises';
import { isAddress, isPublicAddress } from '../../../domains/code/address-rules.ts';
import { privateHost, readRepositoryUrl } from '../../../domains/code/source-rules.ts';
import type { RepositoryUrl, RepositoryUrlRules } from '../../../domains/code/source-rules.ts';
import { orAbort } from '../../../kernel/abort.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import type { GitRemote } from './git-process.ts';

/** All addresses of a host name. */
export type ResolveHost = (host: string) => Promise<readonly string[]>;

export const resolveBySystem: ResolveHost = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

/** Addresses one host may have; of more the first are taken. */
const MAX_ADDRESSES = 8;

/**
 * The remote behind a URL, bound to the addresses that were looked at: git asks no name server again, so that a name cannot
 * change its meaning between the look and the fetch. One private address among several refuses them all.
 */
export async function resolveRemote(url: string, rules: RepositoryUrlRules, resolveHost: ResolveHost, signal: AbortSignal): Promise<GitRemote> {
  const target = readRepositoryUrl(url, rules);
  const addresses = isAddress(target.host) ? [target.host] : await addressesOf(target.host, resolveHost, signal);
  if (!target.mayBePrivate && !addresses.every(isPublicAddress)) throw privateHost();
  return target.protocol === 'https' ? httpsRemote(target, addresses) : sshRemote(target, addresses);
}

async function addressesOf(host: string, resolveHost: ResolveHost, signal: AbortSignal): Promise<readonly string[]> {
  const addresses = await orAbort(
    resolveHost(host).catch((cause: unknown) => {
      throw unknownHost(cause);
    }),
    signal,
  );
  if (addresses.length === 0 || !addresses.every(isAddress)) throw unknownHost();
  return addresses;
}

function unknownHost(cause?: unknown): PolymniaError {
  const message = 'The host of the git URL has no address; check its name.';
  return new PolymniaError('upstream_failed', message, cause === undefined ? {} : { cause });
}

function httpsRemote({ href, protocol, host, port }: RepositoryUrl, addresses: readonly string[]): GitRemote {
  const pinned = addresses.slice(0, MAX_ADDRESSES).map((address) => (address.includes(':') ? `[${address}]` : address));
  const settings = isAddress(host) ? [] : [`http.curloptResolve=${host}:${port}:${pinned.join(',')}`];
  return { href, protocol, settings, environment: {} };
}

/** The host's key is still looked up under its name; it must be known already. Everything in the command has passed the URL's rules. */
function sshRemote({ href, protocol, host, port }: RepositoryUrl, [address = '']: readonly string[]): GitRemote {
  const alias = port === 22 ? host : `'[${host}]:${port}'`;
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    `HostName=${address}`,
    `HostKeyAlias=${alias}`,
    'ProxyCommand=none',
    'ConnectTimeout=30',
  ];
  const safe = [...options, 'ProxyJump=none', 'ForwardAgent=no', 'PermitLocalCommand=no', 'ServerAliveInterval=15', 'ServerAliveCountMax=2'];
  return {
    href,
    protocol,
    settings: [],
    environment: { GIT_SSH_VARIANT: 'ssh', GIT_SSH_COMMAND: `ssh ${safe.map((each) => `-o${each}`).join(' ')}` },
  };
}
