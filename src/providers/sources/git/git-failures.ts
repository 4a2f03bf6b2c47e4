import { PolymniaError } from '../../../kernel/errors.ts';
import type { GitEnd } from './git-process.ts';

interface KnownFailure {
  readonly says: readonly string[];
  readonly code: 'invalid_input' | 'upstream_failed';
  readonly message: string;
}

/** What git says in English (`LC_ALL=C`), the likeliest first. */
const KNOWN: readonly KnownFailure[] = [
  {
    says: ["couldn't find remote ref HEAD", 'remote HEAD refers to nonexistent ref'],
    code: 'invalid_input',
    message: 'The git repository has no commit on its default branch; push one, or name a branch.',
  },
  { says: ["couldn't find remote ref"], code: 'invalid_input', message: 'The git repository has no branch of that name.' },
  {
    says: [
      'could not read Username',
      'could not read Password',
      'Authentication failed',
      'Permission denied',
      'returned error: 401',
      'returned error: 403',
    ],
    code: 'invalid_input',
    message: 'The git server asks for credentials: the repository is private or does not exist. Only public repositories can be fetched by URL.',
  },
  {
    says: ['not found', 'does not exist', 'does not appear to be a git repo'],
    code: 'invalid_input',
    message: 'There is no git repository at this URL.',
  },
  {
    says: ['returned error: 30', 'unable to update url base from redirection'],
    code: 'invalid_input',
    message: 'The git server answers with a redirect; give the URL it points to.',
  },
  {
    says: ['SSL', 'certificate', 'Host key verification failed'],
    code: 'upstream_failed',
    message:
      'The identity of the git server cannot be verified: no authority this server trusts has signed its certificate, or its SSH key is not known here. An operator names authorities in GIT_CA_FILE.',
  },
  {
    says: ['fsck error', 'error in object', 'error in tree', 'error in blob'],
    code: 'invalid_input',
    message: 'The git repository holds objects git itself refuses.',
  },
  { says: ['No space left on device'], code: 'upstream_failed', message: 'The disk of this server is full.' },
  { says: ['too slow'], code: 'upstream_failed', message: 'The git server stopped sending.' },
  {
    says: ['Could not resolve', 'Failed to connect', "Couldn't connect", 'Connection refused', 'timed out'],
    code: 'upstream_failed',
    message: 'The git server could not be reached.',
  },
];

/** Why a fetch failed, in a sentence. What git said is kept as the cause only: it is foreign text. */
export function fetchFailure({ status, messages }: GitEnd): PolymniaError {
  const cause = new Error(`git ended with status ${status ?? 'unknown'}: ${messages.escaped}`);
  const known = KNOWN.find(({ says }) => says.some((part) => messages.includes(part)));
  if (known !== undefined) return new PolymniaError(known.code, known.message, { cause });
  return new PolymniaError('upstream_failed', 'The git repository could not be fetched.', { cause });
}
