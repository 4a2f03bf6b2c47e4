import type { AddOutcome, UpdateOutcome } from '../../../domains/memory/store.ts';
import type { AnswerForms } from '../threads/protocol.ts';
import { MEMORY_COLUMNS, tagsOf, toStoredMemory, uuidBytes } from './memory-row.ts';

/** What is left of an update's answer: enough to find the memory, and for a deletion to find the answer. */
interface KeptUpdate extends Pick<UpdateOutcome, 'addedBytes'> {
  readonly memory: { readonly uuid: string };
}

/**
 * Answers are kept under their idempotency key without what users wrote, and filled up again from the records. So they cost no
 * storage that no quota counts, and nothing of a deleted memory stays behind in them.
 */
export const keptAnswers: AnswerForms = {
  add: {
    keep: (answer) => (answer as readonly AddOutcome[]).map(({ tags: _tags, ...outcome }) => outcome),
    recall: (cell, kept) =>
      (kept as readonly Omit<AddOutcome, 'tags'>[]).map((outcome) => {
        const row = cell.get('select m.tags from memories m where m.uuid = ?', uuidBytes(outcome.uuid));
        return { ...outcome, tags: row === undefined ? [] : tagsOf(row) };
      }),
  },
  update: {
    keep: (answer): KeptUpdate => {
      const { memory, addedBytes } = answer as UpdateOutcome;
      return { memory: { uuid: memory.uuid }, addedBytes };
    },
    recall: (cell, kept, now): UpdateOutcome | undefined => {
      const { memory, addedBytes } = kept as KeptUpdate;
      const row = cell.get(
        `select ${MEMORY_COLUMNS} from memories m where m.uuid = ? and (m.expires_at is null or m.expires_at > ?)`,
        uuidBytes(memory.uuid),
        now,
      );
      return row && { memory: toStoredMemory(row), addedBytes };
    },
  },
};
