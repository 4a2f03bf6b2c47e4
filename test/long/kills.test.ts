import { describe, it } from 'vitest';
import { killDuringChats } from '../simulation/kill-chats.ts';
import { killDuringWrites } from '../simulation/kill-writes.ts';
import { killChildren, killServers } from '../simulation/kills.ts';

const ROUNDS = 20;
const LONG_MS = 600_000;

describe('kill -9, 20 times', () => {
  it('of the server during writes', () => killDuringWrites(ROUNDS), LONG_MS);
  it(
    '[chat-kill-9] of the server in mid-answer keeps each message and what was said so far, and answers none twice',
    // Two servers at once: most of the time nobody computes.
    () => Promise.all([killDuringChats(ROUNDS / 2), killDuringChats(ROUNDS / 2)]),
    LONG_MS,
  );
  it(
    '[sync-kill-9] of the server during one sync: the index before serves, the job is not parked and ends once, nothing is left over',
    () => killServers(ROUNDS),
    LONG_MS,
  );
  it('[sync-kill-9] of the child in mid-sync: the same', () => killChildren(ROUNDS), LONG_MS);
});
