import { describe, it } from 'vitest';
import { killDuringWrites } from '../simulation/kill-writes.ts';
import { killChildren, killServers } from '../simulation/kills.ts';

const ROUNDS = 20;
const LONG_MS = 600_000;

describe('kill -9, 20 times', () => {
  it('of the server during writes', () => killDuringWrites(ROUNDS), LONG_MS);
  it('of the server during syncs', () => killServers(ROUNDS), LONG_MS);
  it('of the child during syncs', () => killChildren(ROUNDS), LONG_MS);
});
