import { test } from 'vitest';
import { simulateJobs } from '../simulation/jobs.ts';

test('jobs end once, caps hold, counters are counts, shares are fair, whatever happens (10,000 seeds)', () => simulateJobs(10_000), 600_000);
