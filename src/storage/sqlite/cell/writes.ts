import { removeConversation, sweepTurns } from './conversation/conversation-removal.ts';
import { keepConversations } from './conversation/conversation-retention.ts';
import { beginTurn, endTurn, saveTurn, spendTokens } from './conversation/turn-writes.ts';
import { remove, removeMatching, sweepExpired } from './delete-memory.ts';
import { importBegin, importEnd, importSlice } from './imports.ts';
import { add } from './insert-memory.ts';
import { reindexText, scrubText } from './text-index.ts';
import { update } from './update-memory.ts';
import { vectorsPut } from './vectors.ts';

/** Every write of a cell by name: run inside the storage thread's transaction. */
export const cellWrites = {
  add,
  update,
  remove,
  removeMatching,
  importBegin,
  importSlice,
  importEnd,
  sweepExpired,
  scrubText,
  reindexText,
  vectorsPut,
  beginTurn,
  saveTurn,
  endTurn,
  spendTokens,
  removeConversation,
  keepConversations,
  sweepTurns,
} as const;

export type CellWrites = typeof cellWrites;
