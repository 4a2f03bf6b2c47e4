/** One behaviour the product must have. Tests cite it in their titles as `[id]`. */
export interface Requirement {
  readonly id: string;
  readonly text: string;
  /** Where it is demanded: a section of the design, of the specification of the first release ("spec"), or a row of the threat model. */
  readonly source: string;
}

/** What must be shown by tests through the public door. `requirements.test.ts` holds that each is cited, and nothing else. */
export const REQUIREMENTS: readonly Requirement[] = [
  {
    id: 'P1-greedy',
    text: 'A user at 50 times its rate, with 20 keys, gets its rate; 19 others get all they ask for.',
    source: 'design 1 P1, 4; T16',
  },
  { id: 'P1-line-fair', text: 'Hundreds of waiting calls of one user do not stand before the first of another.', source: 'design 4' },
  { id: 'P1-slow-fsync', text: 'No number of writes waiting for the disk delays a read.', source: 'design 4, 5' },
  { id: 'clock-steps', text: 'Setting the wall clock gives nobody more, and takes nothing away.', source: 'spec 6; reliability A3' },

  { id: 'P2-id-swap', text: 'Every operation × every kind of id × everybody else answers as for a random id.', source: 'design 1 P2; T1' },
  { id: 'P2-id-swap-complete', text: 'An operation or an id field without a row in the matrix fails the suite.', source: 'design 1 P2, 3' },
  { id: 'P2-id-swap-valid', text: 'The calls of the matrix are valid: they succeed for the owner of the ids.', source: 'design 1 P2' },
  { id: 'P2-no-canary', text: 'No answer holds a byte of what another user stored.', source: 'design 1 P2; T2' },
  { id: 'P2-reader-role', text: 'A role allows what it says and nothing more.', source: 'design 2; T3' },
  { id: 'P2-key-within-creator', text: 'A key never holds more than its creator.', source: 'spec 3; T3' },
  { id: 'P2-service-namespace', text: 'A service reaches only users it named itself.', source: 'spec 3' },
  { id: 'P2-revoke-at-once', text: 'A revoked key and a disabled user are refused from the next call on.', source: 'spec 3; design 4' },
  { id: 'P2-anonymous-sweep', text: 'Without a credential every route but health and documentation answers 401.', source: 'design 8; T30' },
  { id: 'P2-public-routes', text: 'Public routes say nothing that belongs to anybody.', source: 'design 8; T30' },
  { id: 'P2-no-key-in-url', text: 'No credential is taken from an address.', source: 'design 4' },
  { id: 'P2-host-origin', text: 'Foreign Host and Origin headers are refused.', source: 'design 8' },
  { id: 'P2-interleaving', text: 'Two users at once each see exactly their own state.', source: 'spec 9' },
  { id: 'P2-equal-request-ids', text: 'Clients whose request ids collide get their own answers.', source: 'reliability A1.2 #4' },
  { id: 'P2-abort-storm', text: 'Calls cut off at random moments leak no byte into the answers of others.', source: 'spec 9; reliability A1.2 #1' },

  { id: 'P3-kill-9', text: 'kill -9 during writes loses nothing acknowledged and doubles nothing.', source: 'design 1 P3; T26' },
  { id: 'P3-kill-9-import', text: 'An import that was cut off goes on after the restart, every line once.', source: 'spec 4' },
  { id: 'P3-fsync-before-answer', text: 'An answer to a write leaves after the commit is on disk.', source: 'design 1 P3' },
  { id: 'P3-read-your-writes', text: 'A store is readable by the next call, in any of the surfaces.', source: 'spec 4' },

  { id: 'P4-timeout-stops', text: 'A call that times out names the limit, and its work really stops.', source: 'design 4' },
  { id: 'P4-waiting-times-out', text: 'The time-out covers waiting.', source: 'design 4' },
  { id: 'P4-hang-up-frees', text: 'A client that hangs up frees its place.', source: 'spec 6; design 1 P4' },
  { id: 'authority-5s', text: 'Loss of key, user, membership or space ends streams and calls within 5 s.', source: 'design 4' },
  { id: 'P4-jobs-authority', text: 'Loss of user, role, membership or space ends its jobs within 5 s, queued and running.', source: 'design 4' },
  { id: 'P4-jobs-hang-up', text: 'A hang-up ends the wait, never the job; the same call joins it again.', source: 'design 6' },
  { id: 'P4-jobs-cancel', text: 'A cancelled job has stopped when its cancel is answered.', source: 'design 6, 10' },
  { id: 'P3-jobs-paused', text: 'A server paused past its lease goes on; effects happen once.', source: 'issue 4, 5' },
  { id: 'drain-on-stop', text: 'SIGTERM lets running calls finish, refuses new ones, and ends with an empty loop.', source: 'spec 7' },

  { id: 'P5-line-bounded', text: 'A waiting line is bounded; beyond it the answer is 429.', source: 'design 4, 1 P5' },
  { id: 'hostile-bodies', text: 'No body breaks a route or the process.', source: 'design 1 P5; reliability A1.2 #13' },
  { id: 'disk-full', text: 'On a full disk writes are refused clearly, reads go on, and it recovers by itself.', source: 'spec 5' },

  { id: 'surfaces-one-registry', text: 'Each operation is declared once.', source: 'design 3' },
  { id: 'surfaces-rest', text: 'Every operation has its REST route.', source: 'spec 9' },
  { id: 'surfaces-mcp', text: 'Every operation not hidden from models is an MCP tool; no fixture tool exists in production.', source: 'spec 7, 9' },
  { id: 'surfaces-mcp-hidden', text: 'What is hidden from models is no tool.', source: 'design 3' },
  { id: 'surfaces-cli', text: 'Every operation can be called from the command line, with the same answers and codes.', source: 'spec 9; design 8' },
  { id: 'surfaces-openapi', text: 'OpenAPI lists every operation.', source: 'design 8' },
  { id: 'surfaces-same-answer', text: 'The same call has the same answer on every surface.', source: 'design 3' },

  { id: 'export-import-identity', text: 'Import of an export brings back every memory as it was.', source: 'spec 4, 9' },
  {
    id: 'import-bad-lines',
    text: 'A line is taken whole or not at all; bad ones are reported by number; an import can be taken back.',
    source: 'spec 4',
  },
  { id: 'filters-before-cut', text: 'Filters apply before the cut.', source: 'spec 4, 9' },
  { id: 'cursor-complete', text: 'Pages show everything once.', source: 'spec 4' },
  { id: 'expired-vanish', text: 'Expired memories vanish from every read at once.', source: 'spec 4' },
  { id: 'no-lost-update', text: 'No update is lost under concurrency; 20 old versions are kept.', source: 'spec 4, 9' },
  { id: 'duplicate-once', text: 'Equal content outside a thread is one memory, however many store it at once.', source: 'spec 4' },
  { id: 'idempotency-key', text: 'One idempotency key does its work once; other input under it is a conflict.', source: 'design 5' },
  { id: 'thread-place', text: '(thread, place) is unique, the place given or the next.', source: 'spec 4' },
  { id: 'batch-all-or-none', text: 'A batch is stored in one commit.', source: 'design 5' },

  { id: 'hostile-stored-identical', text: 'Any text is stored and returned identical, or refused cleanly.', source: 'spec 9' },
  { id: 'hostile-queries', text: 'Any text may stand in a query, filter or cursor.', source: 'spec 9' },
  { id: 'hostile-imports', text: 'Any text may stand in an import and comes back in an export.', source: 'spec 9' },
  { id: 'hostile-headers', text: 'Any text may stand in a header or path.', source: 'spec 9' },
  { id: 'logs-one-line', text: 'Each log event is one line of JSON.', source: 'spec 8; T21' },
  { id: 'logs-no-secrets', text: 'Logs hold no content and no secrets.', source: 'spec 8; T21' },
  {
    id: 'deletion-complete',
    text: 'What was deleted is gone from every file, and the report says what went and what stayed.',
    source: 'design 2; T29',
  },

  { id: 'sync-truth', text: 'A sync tells all it saw: what is indexed, and what is skipped with its reason.', source: 'issue 4, 2' },
  { id: 'sync-unchanged', text: 'A sync reads only what changed, and nothing when nothing did.', source: 'issue 4, 2' },
  { id: 'sync-joined', text: 'The same repository asked for twice at once is one job with two watchers.', source: 'design 6' },
  { id: 'sync-roots', text: 'Folders are read only under allowed roots; the refusal names the command that allows one.', source: 'issue 4, 2' },
  { id: 'sync-quota', text: 'Indexes count on the storage of the space’s payer, and go with what they belong to.', source: 'design 4' },
  { id: 'sync-restored', text: 'After a restore a repository says that it needs a sync, and one makes it whole.', source: 'design 5' },
  { id: 'sync-cancel', text: 'A cancelled sync stops at once, and the index before serves on.', source: 'issue 4, 5' },
  {
    id: 'sync-kill-9',
    text: 'kill -9 of server or worker in a sync: the index before serves, the job ends once, nothing is orphaned.',
    source: 'issue 4, 5',
  },
  { id: 'sync-git', text: 'A git address is cloned bare, searched, and after a push only what changed is read.', source: 'issue 4, 2' },
  { id: 'sync-force-push', text: 'A rewritten history is brought to the new one by the same call.', source: 'issue 4, 2' },
  { id: 'sync-branch', text: 'A named branch is read until another is named.', source: 'issue 4, 2' },
  { id: 'sync-remote-gone', text: 'A repository that is gone is told, and its index serves on.', source: 'issue 4, 2' },
  { id: 'sync-git-ca', text: 'A git server is believed only with a known authority; the refusal names the option.', source: 'issue 4, 2' },
  { id: 'kills-hang', text: 'A child that hangs ends at the time-out of its lane and leaves its place.', source: 'design 6' },
  {
    id: 'jobs-idempotency',
    text: 'A key whose job failed or was cancelled tries anew; one whose job succeeded brings it again.',
    source: 'design 6',
  },
  { id: 'jobs-service', text: 'The users of one service share limits for jobs, and leave room to the others.', source: 'design 4' },
  { id: 'P1-ten-users', text: 'Ten users each store ten memories and sync: all is done, no memory call waits for a sync.', source: 'issue 4, 5' },
  { id: 'P1-poison', text: 'Repositories that attack are told in full and delay nobody else.', source: 'issue 4, 5' },
];
