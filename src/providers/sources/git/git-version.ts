import { PolymniaError } from '../../../kernel/errors.ts';
import { runGit } from './git-process.ts';
import type { GitTools } from './git-process.ts';

/** Older ones lack fixes for repositories that attack whoever fetches them. */
const OLDEST = [2, 39] as const;

/** Refuses a git that is too old, with `internal`: it is the operator who can help. */
export async function checkGitVersion(tools: GitTools, signal: AbortSignal): Promise<void> {
  const { stdout } = await runGit({ tools, gitDir: '/dev/null', args: ['version'], signal });
  const found = /^git version (\d+)\.(\d+)/.exec(stdout.toString('latin1'));
  const [major, minor] = [Number(found?.[1] ?? 0), Number(found?.[2] ?? 0)];
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new PolymniaError('internal', `The git of this server is too old (${major}.${minor}); repositories need git ${OLDEST.join('.')} or newer.`);
}
