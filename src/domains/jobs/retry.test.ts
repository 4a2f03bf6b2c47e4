import { describe, expect, it } from 'vitest';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Job } from './model.ts';
import { WorkerDied } from './ports.ts';
import { endOfRun, isParked, RETRY, type RunOutcome, type StopKind } from './retry.ts';

const NOW = 1_800_000_000_000;

function job(overrides: Partial<Job> = {}): Job {
  return {
    id: 'job_1',
    userId: 'user_a',
    group: 'user_a',
    spaceId: 'space_a',
    spaceKey: '00'.repeat(8),
    operation: 'do_job',
    lane: 'sync',
    input: {},
    priority: 3,
    maxAttempts: 3,
    estimate: 1,
    background: false,
    origin: { surface: 'internal' },
    createdAt: NOW,
    runAt: NOW,
    state: 'running',
    attempt: 1,
    crashes: 0,
    cost: 0,
    ...overrides,
  };
}

const ok: RunOutcome = { ok: true, output: { made: 1 } };
const failed = (failure: unknown): RunOutcome => ({ ok: false, failure });

function end(outcome: RunOutcome, overrides: Partial<Job> = {}, kind?: StopKind, reason = new PolymniaError('cancelled', 'Stop.')) {
  return endOfRun({ job: job(overrides), rules: {}, retry: RETRY, outcome, now: NOW, ...(kind === undefined ? {} : { stop: { kind, reason } }) });
}

describe('the end of a run', () => {
  it('says nothing of the job once its lease is lost, whatever it did', () => {
    expect(end(ok, {}, 'lost')).toBeUndefined();
    expect(end(failed(new Error('x')), {}, 'lost')).toBeUndefined();
  });

  it('is cancelled after a cancel, with what was done before where the run tells it', () => {
    expect(end(failed(new Error('x')), {}, 'cancel')).toMatchObject({ state: 'cancelled', error: { code: 'cancelled', message: 'Stop.' } });
    expect(end(ok, {}, 'cancel')).toMatchObject({ state: 'cancelled', result: { made: 1 } });
  });

  it('is a success that came although the server stops; anything else goes back to the line uncounted', () => {
    expect(end(ok, {}, 'server')).toMatchObject({ state: 'succeeded' });
    expect(end(failed(new Error('x')), {}, 'server')).toEqual({ kind: 'again', runAt: NOW, attemptCounts: false, crashed: false });
  });

  it('is final after a deadline, and tried again after what may pass, as long as attempts are left', () => {
    const late = new PolymniaError('timed_out', 'Late.');
    expect(end(failed(late), {}, 'deadline', late)).toMatchObject({ state: 'failed', error: { code: 'timed_out' } });
    for (const code of ['upstream_failed', 'storage_unavailable', 'overloaded'] as const) {
      const passing = failed(new PolymniaError(code, 'Not now.'));
      expect(end(passing, { attempt: 2 })).toEqual({ kind: 'again', runAt: NOW + 2000, attemptCounts: true, crashed: false });
      expect(end(passing, { attempt: 3 })).toMatchObject({ state: 'failed', error: { code } });
    }
    expect(end(failed(new TypeError('secret inside')))).toMatchObject({ state: 'failed', error: { code: 'internal' } });
    expect(JSON.stringify(end(failed(new TypeError('secret inside'))))).not.toContain('secret');
  });

  it('is tried again after the death of a worker until it has died too often', () => {
    const died = failed(new WorkerDied('killed', 'It was killed by SIGKILL.'));
    expect(end(died, { maxAttempts: 9 })).toMatchObject({ kind: 'again', crashed: true });
    const parked = end(died, { maxAttempts: 9, attempt: 3, crashes: 2 });
    expect(parked).toMatchObject({ state: 'failed', error: { details: { workerDied: 'killed', crashes: 3 } } });
    expect(isParked(job({ state: 'failed', error: { code: 'internal', message: '', details: { workerDied: 'killed' } } }), RETRY)).toBe(true);
    expect(isParked(job({ state: 'failed', error: { code: 'internal', message: '' } }), RETRY)).toBe(false);
  });

  it('waits longer each time, and never longer than five minutes', () => {
    expect([1, 2, 3, 4, 50].map((attempt) => RETRY.backoffMs(attempt))).toEqual([1000, 2000, 4000, 8000, 300_000]);
  });
});
