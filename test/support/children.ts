import { readdirSync, readFileSync } from 'node:fs';

/** Child processes of a server that do a task now: those whose command names the children's entry. */
export function childrenOf(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => parentOf(each) === pid && commandOf(each).includes('children/child-main'));
}

/** All living processes of the groups these processes lead, themselves included. */
export function groupsOf(leaders: readonly number[]): readonly number[] {
  const wanted = new Set(leaders.map(String));
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && wanted.has(statOf(Number(name))?.[2] ?? ''))
    .map(Number)
    .filter(isAlive);
}

/** Is the process there? One that has ended but was not waited for is not. */
export function isAlive(pid: number): boolean {
  return stateOf(pid) !== undefined && stateOf(pid) !== 'Z';
}

function stateOf(pid: number): string | undefined {
  return statOf(pid)?.[0];
}

function parentOf(pid: number): number | undefined {
  const parent = statOf(pid)?.[1];
  return parent === undefined ? undefined : Number(parent);
}

/** The fields after the command's name, which may hold blanks itself. */
function statOf(pid: number): readonly string[] | undefined {
  const text = read(`/proc/${pid}/stat`);
  return text === '' ? undefined : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`);
}

/** Empty once the process is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
