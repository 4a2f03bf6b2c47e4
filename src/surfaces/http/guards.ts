import { PolymniaError } from '../../kernel/errors.ts';
import type { ReplyHeaders } from './reply.ts';

/** Headers of every answer: it is data, no page may run, frame or sniff it. */
export const SECURITY_HEADERS: ReplyHeaders = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

/** For the documentation page alone: its own files and nothing else. */
export const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PREFLIGHT_HEADERS: ReplyHeaders = {
  'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
  'access-control-allow-headers':
    'authorization, content-type, accept, idempotency-key, x-polymnia-user, x-polymnia-client, last-event-id, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name',
  'access-control-max-age': '600',
};

const EXPOSED = 'x-request-id, ratelimit, ratelimit-policy, retry-after, www-authenticate, mcp-protocol-version';

const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/;

/** Which names and which web pages may reach this server. */
export interface Guards {
  /** Headers that let the calling page read the answer; empty without an Origin. Throws `forbidden` for a foreign Host or Origin. */
  check(headers: Headers): ReplyHeaders;
  /** Further headers for a preflight that passed {@link check}. */
  readonly preflight: ReplyHeaders;
}

/**
 * Protection against DNS rebinding and calls from foreign pages. Loopback names always pass; an entry of `allowedHosts`
 * without a port allows any port. A page served under an allowed Host may call that same host. There are no cookies here,
 * so an allowed page can do only what the key it holds can do.
 */
export function createGuards(settings: { readonly allowedHosts: readonly string[]; readonly allowedOrigins: readonly string[] }): Guards {
  const hosts = new Set([...LOOPBACK_NAMES, ...settings.allowedHosts.map((host) => host.toLowerCase())]);
  const origins = new Set(settings.allowedOrigins.map((origin) => URL.parse(origin)?.origin ?? origin.toLowerCase()));

  const isOriginAllowed = (origin: string, host: string): boolean => {
    const url = URL.parse(origin);
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false;
    return LOOPBACK_NAMES.includes(url.hostname) || origins.has(url.origin) || url.host === host;
  };

  return {
    preflight: PREFLIGHT_HEADERS,
    check(headers) {
      const host = headers.get('host')?.toLowerCase() ?? '';
      const name = HOST.exec(host)?.[1];
      if (name === undefined || (!hosts.has(name) && !hosts.has(host))) {
        throw new PolymniaError('forbidden', 'The Host header names no host of this server; its operator can add the name to ALLOWED_HOSTS.');
      }
      const origin = headers.get('origin');
      if (origin === null) return {};
      if (!isOriginAllowed(origin, host)) {
        throw new PolymniaError('forbidden', 'Web pages of this Origin may not call this server; its operator can add it to ALLOWED_ORIGINS.');
      }
      return { 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED, vary: 'origin' };
    },
  };
}
