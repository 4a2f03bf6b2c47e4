import type { ConversationStore } from '../../domains/conversation/store.ts';
import { BACKGROUND, cellCalls, FOREGROUND, type SpaceFilesPort } from './cell-calls.ts';

const NOTHING_SWEPT = { interrupted: 0, removed: 0, freedBytes: 0 };

/** The conversation store over the same file per space as memories. Holds no state of its own. */
export function createSqliteConversationStore(files: SpaceFilesPort): ConversationStore {
  const { read, make, write } = cellCalls(files);
  return {
    beginTurn: (call, turn) => make('beginTurn', call, { turn }),
    saveTurn: (call, save) => write('saveTurn', call, { save }, BACKGROUND, false),
    endTurn: (call, end) => write('endTurn', call, { end }, FOREGROUND, undefined),
    turn: (call, uuid) => read('turn', call, { uuid }, undefined),
    conversation: (call, uuid) => read('conversation', call, { uuid }, undefined),
    conversationOf: (call, author, clientKey) => read('conversationOf', call, { author, clientKey }, undefined),
    conversations: (call, page) => read('conversations', call, { page }, []),
    turns: (call, conversation, page) => read('turns', call, { conversation, page }, []),
    exchanges: (call, conversation, before, maxBytes) => read('exchanges', call, { conversation, before, maxBytes }, []),
    removeConversation: (call, uuid, thread) => write('removeConversation', call, { uuid, thread }, FOREGROUND, undefined),
    keepConversations: (call, keep) => write('keepConversations', call, { keep, space: call.space }, FOREGROUND, { done: true }),
    tokensSpent: (call, author, day) => read('tokensSpent', call, { author, day }, 0),
    spendTokens: (call, spent) => make('spendTokens', call, { spent }),
    sweep: (call, sweep) => write('sweepTurns', call, { sweep }, BACKGROUND, NOTHING_SWEPT),
  };
}
