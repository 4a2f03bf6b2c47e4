import type { OpenSource, SourceOpener } from '../../domains/code/ports.ts';
import type { Clock } from '../../kernel/clock.ts';
import { openFolderSource } from './folder/folder-source.ts';
import type { GitInstallation } from './git/git-process.ts';
import { resolveBySystem } from './git/git-remote.ts';
import type { ResolveHost } from './git/git-remote.ts';
import { openGitSource } from './git/git-source.ts';

export interface SourceOpenerDeps {
  readonly clock: Clock;
  /** `GIT_ALLOW_SSH` */
  readonly allowSsh: boolean;
  /** `GIT_PRIVATE_HOSTS`: names or addresses, with `:port` for that port only. */
  readonly allowedPrivateHosts: readonly string[];
  /** This server's own folders: a source may hold them, without what is in them, but not lie in them. */
  readonly ownFolders?: readonly string[];
  readonly installation?: GitInstallation;
  /** Default: as the system resolves names. */
  readonly resolveHost?: ResolveHost;
}

/**
 * Opens git URLs (by a bare clone of ours) and folders of this machine (by reading them). Nothing that a repository holds is
 * ever run, checked out or believed. Errors: `invalid_input` and `forbidden` about the source, `upstream_failed`, `timed_out`
 * (CLONE_TIMEOUT), `too_large`, or the signal's. Single files that cannot be read are no error: they are listed.
 */
export function createSourceOpener(deps: SourceOpenerDeps): SourceOpener {
  const { clock, allowSsh, allowedPrivateHosts, ownFolders = [], installation = {}, resolveHost = resolveBySystem } = deps;
  const git = { tools: { ...installation, clock }, resolveHost, rules: { allowSsh, allowedPrivateHosts } };
  return {
    open({ source, ...request }: OpenSource) {
      return source.kind === 'git' ? openGitSource(git, { ...request, source }) : openFolderSource(clock, { ...request, source, ownFolders });
    },
  };
}
