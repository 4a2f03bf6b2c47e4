import { test } from 'vitest';
import { simulateJobs } from './jobs.ts';

test('jobs end once, caps hold, counters are counts, shares are fair, whatever happens (100 seeds)', () => {
  simulateJobs(100);
});
