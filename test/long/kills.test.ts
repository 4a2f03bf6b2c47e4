import { describe, it } from 'vitest';
import { killDuringChats } from '../simulation/kill-chats.ts';
import { killDuringWrites } from '../simulation/kill-writes.ts';
import { killChildren, killServers } from '../simulation/kills.ts';

const ROUNDS = 20;
const LONG_MS = 600_000;

describe('kill -9, 20 times', () => {
  it('of the server during writes', () => killDuringWrites(ROUNDS), LONG_MS);
  // Two servers at once: most of the time nobody computes.
  it('of the server during chats', () => Promise.all([killDuringChats(ROUNDS / 2), killDuringChats(ROUNDS / 2)]), LONG_MS);
  it('of the server during syncs', () => killServers(ROUNDS), LONG_MS);
  it('of the child during syncs', () => killChildren(ROUNDS), LONG_MS);
});
