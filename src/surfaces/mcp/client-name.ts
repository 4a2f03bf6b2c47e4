const MAX_LENGTH = 200;

/** Control, format and unassigned characters, lone surrogates, and white space of any kind. */
const UNPRINTABLE = /[\p{C}\s]+/gu;

/**
 * A client's name and version for provenance: "name version" of its own `clientInfo`, else its user agent (2025 clients
 * name themselves only in `initialize`, which a stateless server does not remember). Untrusted text, cut to 200
 * characters and freed of what does not print; undefined when nothing is left.
 */
export function clientName(
  info: { readonly name?: unknown; readonly version?: unknown } | undefined,
  userAgent: string | null | undefined,
): string | undefined {
  const named = [info?.name, info?.version].filter((part) => typeof part === 'string').map((part) => clean(part));
  const name = named.filter((part) => part !== '').join(' ') || clean(userAgent ?? '');
  return name === '' ? undefined : clean(name);
}

function clean(text: string): string {
  const cut = text
    .slice(0, 4 * MAX_LENGTH)
    .replace(UNPRINTABLE, ' ')
    .trim()
    .slice(0, MAX_LENGTH);
  return cut.isWellFormed() ? cut : cut.slice(0, -1);
}
