import type { Cell } from '../cell/cell.ts';
import { CellFailure } from '../cell/cell.ts';
import type { AnswerForm, Idempotency } from './protocol.ts';

/** Old answers removed beside each new one: more than one is made, so the table shrinks to what is in use. */
const SWEEP_ROWS = 4n;
/** Stands for `undefined`, which JSON does not have. */
const NO_ANSWER = '';
const AS_IT_IS: AnswerForm = { keep: (answer) => answer, recall: (_cell, kept) => kept };

/**
 * Runs a write once for its key: the same key and input get the first answer again, another input is a conflict. The answer
 * is kept as JSON, in its method's form, in the transaction of the write itself, so both are there or neither. Older than
 * `ttlMs` counts as gone.
 */
export function runOnce(
  cell: Cell,
  idempotency: Idempotency,
  { now, ttlMs, form = AS_IT_IS }: { readonly now: number; readonly ttlMs: number; readonly form?: AnswerForm | undefined },
  run: () => unknown,
): unknown {
  const { user, operation, key, inputHash } = idempotency;
  const oldest = BigInt(Math.floor(now - ttlMs));
  const saved = cell.get(
    'SELECT input_hash, answer FROM idempotency WHERE user = ? AND operation = ? AND key = ? AND created_at > ?',
    user,
    operation,
    key,
    oldest,
  );
  if (saved !== undefined) {
    if (saved['input_hash'] !== inputHash) throw otherInput();
    return saved['answer'] === NO_ANSWER ? undefined : form.recall(cell, JSON.parse(String(saved['answer'])), now);
  }
  const answer = run();
  cell.run(
    'DELETE FROM idempotency WHERE (user, operation, key) IN (SELECT user, operation, key FROM idempotency WHERE created_at <= ? ORDER BY created_at LIMIT ?)',
    oldest,
    SWEEP_ROWS,
  );
  cell.run(
    'INSERT OR REPLACE INTO idempotency(user, operation, key, input_hash, answer, created_at) VALUES (?, ?, ?, ?, ?, ?)',
    user,
    operation,
    key,
    inputHash,
    answer === undefined ? NO_ANSWER : JSON.stringify(form.keep(answer)),
    BigInt(Math.floor(now)),
  );
  return answer;
}

function otherInput(): CellFailure {
  return new CellFailure('conflict', 'This idempotency key was used before with another input. Use a new key for a new call.', {
    reason: 'idempotency_key_reused',
  });
}
