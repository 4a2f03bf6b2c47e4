/** Longest name, in UTF-16 units. */
export const NAME_LENGTH = 100;
/** No control, private, unassigned or line-separating characters, no lone surrogates. */
export const PRINTABLE = /^[^\p{C}\p{Zl}\p{Zp}]+$/u;

/** The form of a name by which two repositories of a space count as one. */
export function repositoryNameKey(name: string): string {
  return name.normalize('NFC').toLowerCase();
}

/** What is wrong with a name, as a sentence; undefined when nothing is. */
export function nameProblem(name: string): string | undefined {
  if (name === '' || name.length > NAME_LENGTH) return `A name has 1 to ${NAME_LENGTH} characters.`;
  if (!PRINTABLE.test(name)) return 'A name holds printable characters only.';
  // Where either may be given, an id must not be taken for a name.
  return name.startsWith('repo_') ? 'A name does not begin with repo_, as ids do.' : undefined;
}

/** The last part of an address or path, without `.git`: what a repository is called when nobody says it. */
export function nameFromSource(address: string): string {
  const last = address
    .split(/[/\\]/)
    .filter((part) => part !== '')
    .at(-1);
  return (last ?? '').replace(/\.git$/, '').trim();
}
