import { PolymniaError } from '../../kernel/errors.ts';
import { isAddress, isPublicAddress } from './address-rules.ts';

/** What this server's settings add to the rules about git URLs. */
export interface RepositoryUrlRules {
  /** `GIT_ALLOW_SSH` */
  readonly allowSsh: boolean;
  /** `GIT_PRIVATE_HOSTS`: host names or addresses as URLs write them, with `:port` for that port only. They may be private, at any port. */
  readonly allowedPrivateHosts: readonly string[];
  /** `GIT_ONLY_HOSTS`, written in the same way: if there are any, no other public host is asked. */
  readonly onlyHosts?: readonly string[];
}

/** A git URL that has passed the rules, in its parts. */
export interface RepositoryUrl {
  /** Canonical; what git is given. */
  readonly href: string;
  readonly protocol: 'https' | 'ssh';
  /** Lower case; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** May the host be in a private network? */
  readonly mayBePrivate: boolean;
}

const MAX_URL_LENGTH = 2048;
const DEFAULT_PORT = { https: 443, ssh: 22 } as const;
/** Ports a host may be asked at that no operator has named. */
const USUAL_PORTS = { https: [443, 8443], ssh: [22] } as const;
const USER = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

/**
 * A git URL's canonical form. Throws `invalid_input` with a sentence for everything that is no plain `https://` (or, where
 * allowed, `ssh://`) URL of a public host at a usual port. What its host name resolves to is seen when it is fetched.
 * Without `rules` only that is refused which no settings would allow.
 */
export function checkRepositoryUrl(text: string, rules?: RepositoryUrlRules): string {
  return readRepositoryUrl(text, rules).href;
}

/** As {@link checkRepositoryUrl}, answering its parts. */
export function readRepositoryUrl(text: string, rules?: RepositoryUrlRules): RepositoryUrl {
  checkText(text);
  const protocol = protocolOf(text, rules);
  const url = parse(text);
  checkParts(url, protocol);
  const host = hostOf(url);
  const port = url.port === '' ? DEFAULT_PORT[protocol] : Number(url.port);
  const isNamed = rules === undefined || isAmong(rules.allowedPrivateHosts, host, port);
  if (!isNamed) {
    checkReach(host, port, protocol);
    checkListed(rules.onlyHosts ?? [], host, port);
  }
  return { href: hrefOf(url, protocol, host), protocol, host, port, mayBePrivate: rules !== undefined && isNamed };
}

/** The parser forgives much (tabs, back-slashes, blanks around): whatever it would mend is refused before. */
function checkText(text: string): void {
  if (text.length > MAX_URL_LENGTH) throw refused(`The git URL is longer than ${MAX_URL_LENGTH} characters.`);
  if (!text.isWellFormed() || /[\p{Cc}\p{Cf}\p{Z}\\]/u.test(text)) {
    throw refused('The git URL holds a blank, a control character or a backslash; write it plain, such as https://host/path.');
  }
  if (text.startsWith('-') || /^[^/]*::/.test(text)) throw refused('The source must be a git URL such as https://host/path.');
  if (/%(0[0-9a-f]|1[0-9a-f]|7f|5c)/i.test(text)) throw refused('The git URL holds an encoded control character or backslash.');
}

function protocolOf(text: string, rules: RepositoryUrlRules | undefined): 'https' | 'ssh' {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  const isKnown = scheme === 'https' || (scheme === 'ssh' && rules?.allowSsh !== false);
  if (!isKnown) {
    const also = rules?.allowSsh === false ? 'ssh:// only where the operator has set GIT_ALLOW_SSH' : 'or ssh://user@host/path';
    throw refused(
      `Git URLs must be https://host/path (${also}); ${scheme === undefined ? 'this one has no scheme' : 'other schemes are not fetched'}.`,
    );
  }
  if (!/^[a-z]+:\/\/[^/@]/i.test(text)) throw refused('The git URL has no host; write https://host/path.');
  return scheme;
}

function parse(text: string): URL {
  if (!URL.canParse(text)) throw refused('The git URL cannot be read; write https://host/path.');
  return new URL(text);
}

function checkParts(url: URL, protocol: 'https' | 'ssh'): void {
  const hasUser = url.username !== '' && (protocol === 'https' || !USER.test(url.username));
  if (hasUser || url.password !== '') throw refused('The git URL must not hold a user name or password.');
  if (url.href.includes('?') || url.href.includes('#')) throw refused('The git URL must not hold "?" or "#".');
  if (/^\/*$/.test(url.pathname)) throw refused('The git URL names a host but no repository; write https://host/path.');
  if (/^\/+[-~]/.test(url.pathname)) throw refused('The path of the git URL must not begin with "-" or "~".');
}

/** In every scheme the host is read as https reads it: one spelling for each address and each name. */
function hostOf(url: URL): string {
  const asHttps = `https://${url.hostname}/`;
  const { hostname } = URL.canParse(asHttps) ? new URL(asHttps) : { hostname: '' };
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  if (isAddress(host)) return host;
  if (!HOST_NAME.test(host)) throw refused('The host of the git URL is neither a name nor an address.');
  return host;
}

function isAmong(hosts: readonly string[], host: string, port: number): boolean {
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return hosts.some((each) => [host, bracketed, `${bracketed}:${port}`].includes(each.trim().toLowerCase()));
}

function checkListed(onlyHosts: readonly string[], host: string, port: number): void {
  if (onlyHosts.length === 0 || isAmong(onlyHosts, host, port)) return;
  throw refused('This server fetches from hosts that its operator has listed only, and this one is not among them (GIT_ONLY_HOSTS).');
}

function checkReach(host: string, port: number, protocol: 'https' | 'ssh'): void {
  const isLocalName = /^(.*\.)?(localhost|local|internal|home\.arpa)$/.test(host) || (!isAddress(host) && !host.includes('.'));
  if (isLocalName || (isAddress(host) && !isPublicAddress(host))) throw privateHost();
  const usual: readonly number[] = USUAL_PORTS[protocol];
  if (!usual.includes(port)) {
    throw refused(`Git URLs of this kind are fetched at port ${usual.join(' or ')} only. An operator may name other hosts in GIT_PRIVATE_HOSTS.`);
  }
}

/** The refusal of an address in a private network, found in the URL or by its name. */
export function privateHost(): PolymniaError {
  return refused('The host of the git URL is in a private network. An operator may allow it by name in GIT_PRIVATE_HOSTS.');
}

function hrefOf(url: URL, protocol: 'https' | 'ssh', host: string): string {
  const user = url.username === '' ? '' : `${url.username}@`;
  const port = url.port === '' || Number(url.port) === DEFAULT_PORT[protocol] ? '' : `:${url.port}`;
  return `${protocol}://${user}${host.includes(':') ? `[${host}]` : host}${port}${url.pathname}`;
}

function refused(message: string): PolymniaError {
  return new PolymniaError('invalid_input', message, { details: { field: 'source' } });
}
