import { expect, it } from 'vitest';
import { UploadLedger } from './upload-ledger.ts';

it('holds no more than its limits, per user and in all, and gives back with the end of a job', () => {
  const ledger = new UploadLedger({ perUser: 10, total: 15 });
  ledger.take('a', { userId: 'ann', bytes: 6 });
  expect(() => ledger.take('b', { userId: 'ann', bytes: 5 })).toThrow(expect.objectContaining({ code: 'rate_limited' }) as Error);
  ledger.take('c', { userId: 'ben', bytes: 9 });
  expect(() => ledger.take('d', { userId: 'cid', bytes: 1 })).toThrow(expect.objectContaining({ code: 'overloaded' }) as Error);
  ledger.release('a');
  ledger.release('a');
  ledger.take('d', { userId: 'cid', bytes: 6 });
});

it('keeps what an earlier start left, whatever the limits say', () => {
  const ledger = new UploadLedger({ perUser: 10, total: 10 });
  ledger.keep('a', { userId: 'ann', bytes: 50 });
  expect(() => ledger.take('b', { userId: 'ben', bytes: 1 })).toThrow(expect.objectContaining({ code: 'overloaded' }) as Error);
});
