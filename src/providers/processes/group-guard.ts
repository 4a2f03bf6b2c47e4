import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { HAS_GROUPS } from './process-group.ts';

const SHELL = '/bin/sh';
/** Waits for the end of its input, which comes when the server is gone, however it went. (Not every `kill` knows `--`.) */
const SCRIPT = 'read -r _; kill -9 "-$1"';

/**
 * Kills a process group when this process ends without having ended the group itself, by `kill -9` for instance. The group's
 * own look at its channel would do unless it is paused or busy just then. A shell of 1 MB; where there is none, nothing.
 */
export function guardGroup(leader: number): AsyncDisposable {
  const guard = startGuard(leader);
  if (guard === undefined) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  const gone = once(guard, 'exit').catch(() => {});
  guard.stdin?.on('error', () => {});
  return {
    async [Symbol.asyncDispose]() {
      guard.kill('SIGKILL');
      await gone;
      guard.stdin?.destroy();
    },
  };
}

/** Undefined where no further process can be had. */
function startGuard(leader: number): ChildProcess | undefined {
  if (!HAS_GROUPS) return undefined;
  try {
    return spawn(SHELL, ['-c', SCRIPT, 'sh', String(leader)], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, env: {}, cwd: '/' });
  } catch {
    return undefined;
  }
}
