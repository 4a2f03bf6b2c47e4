import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { platform } from 'node:os';
import { delimiter, join } from 'node:path';

const PROBE_MS = 2000;

/**
 * The command before a command that makes it run at low priority: `nice`, and on Linux `ionice -c 3`, which gives
 * it the disk only when nobody else wants it. Both replace themselves by the command, so its pid is theirs, and what it starts
 * inherits both. Tried once; what is missing or forbidden here is left out.
 *
 * @param niceness 1 to 19; 0 gives no prefix at all.
 * @param searchPath the folders to look in, as in PATH.
 */
export async function politePrefix(niceness: number, searchPath: string): Promise<readonly string[]> {
  if (niceness === 0) return [];
  const nice = await find('nice', searchPath);
  if (nice === undefined) return [];
  const ionice = platform() === 'linux' ? await find('ionice', searchPath) : undefined;
  const lower = [nice, '-n', String(niceness)];
  const candidates = ionice === undefined ? [lower] : [[ionice, '-c', '3', ...lower], lower];
  for (const prefix of candidates) if (await works(prefix, nice, niceness)) return prefix;
  return [];
}

/** `nice` without arguments prints the niceness it runs at. */
function works([command = '', ...args]: readonly string[], nice: string, niceness: number): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(command, [...args, nice], { env: {}, timeout: PROBE_MS }, (error, stdout) => {
      resolve(error === null && Number(stdout) >= niceness);
    });
  });
}

async function find(name: string, searchPath: string): Promise<string | undefined> {
  for (const folder of searchPath.split(delimiter)) {
    const path = join(folder, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}
