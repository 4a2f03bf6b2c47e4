import type { DeletionIntent } from '../../../../domains/identity/model.ts';
import type { SystemFile } from '../open-system-file.ts';

/** Notes a deletion, in the transaction that made it visible. */
export function noteDeletion(file: SystemFile, intent: DeletionIntent): void {
  file.run("insert into intents (id, kind, payload, created_at) values (?, 'deletion', ?, ?)", intent.id, JSON.stringify(intent), intent.createdAt);
}
