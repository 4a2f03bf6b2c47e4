import { conversation, conversationOf, conversations, exchanges, tokensSpent, turn, turns } from './conversation/conversation-reads.ts';
import { importState } from './imports.ts';
import { count, get, list, scan } from './lookup-reads.ts';
import { search } from './search.ts';
import { stats, tags, usedBytes } from './stats-reads.ts';
import { vectorsPending } from './vectors.ts';

/** Every read of a cell by name: run on a read-only connection, in one snapshot. */
export const cellReads = {
  get,
  list,
  count,
  scan,
  search,
  tags,
  stats,
  usedBytes,
  importState,
  vectorsPending,
  turn,
  turns,
  conversation,
  conversationOf,
  conversations,
  exchanges,
  tokensSpent,
} as const;

export type CellReads = typeof cellReads;
