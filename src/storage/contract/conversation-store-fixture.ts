import { randomBytes } from 'node:crypto';
import type { BegunTurn, ConversationStore, NewTurn, StoredConversation, StoredTurn, TurnEnd } from '../../domains/conversation/store.ts';
import type { NewMemory } from '../../domains/memory/model.ts';
import type { MemoryStore, WriteCall } from '../../domains/memory/store.ts';
import { newMemory, NOW, uuid } from './memory-store-fixture.ts';

/** A conversation store under test, empty, and the memory store that shares its spaces. */
export interface ConversationStoreHarness extends AsyncDisposable {
  readonly store: ConversationStore;
  readonly memories: MemoryStore;
  /** A call with a live signal and a deadline far off; `space` and `now` are always given by the suite. */
  call(overrides: Partial<WriteCall> & Pick<WriteCall, 'space' | 'now'>): WriteCall;
}

export const AUTHOR = 'user_a';
export const OWNER = 'run_1';
export const LEASE_MS = 30_000;
/** What a test says of a turn that it begins; the rest is filled in. */
export type TurnWish = Partial<Omit<NewTurn, 'made'>> & { readonly title?: string; readonly isTemporary?: boolean; readonly expiresAt?: number };

/** One space of a harness, with the calls a test makes on it. */
export class ConversationSpace {
  readonly store: ConversationStore;
  readonly memories: MemoryStore;
  readonly key = randomBytes(8).toString('hex');
  readonly #harness: ConversationStoreHarness;

  constructor(harness: ConversationStoreHarness) {
    this.store = harness.store;
    this.memories = harness.memories;
    this.#harness = harness;
  }

  call(overrides: Partial<WriteCall> = {}): WriteCall {
    return this.#harness.call({ space: this.key, now: NOW, ...overrides });
  }

  begin(wish: TurnWish = {}, overrides: Partial<WriteCall> = {}): Promise<BegunTurn> {
    return this.store.beginTurn(this.call(overrides), newTurn({ space: this.key, ...wish }));
  }

  /** Ends a turn; undefined when it was not the owner's. */
  end(turn: Pick<BegunTurn, 'uuid'>, fields: Partial<TurnEnd> = {}, overrides: Partial<WriteCall> = {}): ReturnType<ConversationStore['endTurn']> {
    return this.store.endTurn(this.call(overrides), turnEnd(turn.uuid, fields));
  }

  /** A whole exchange; answers with how it began. */
  async exchange(user: string, answer: string, wish: TurnWish = {}, end: Partial<TurnEnd> = {}): Promise<BegunTurn> {
    const begun = await this.begin({ userText: user, ...wish });
    if ((await this.end(begun, { answer, ...end })) === undefined) throw new Error('the turn could not be ended');
    return begun;
  }

  /** Every conversation there is to be seen, latest first. */
  conversations(overrides: Partial<WriteCall> = {}): Promise<readonly StoredConversation[]> {
    return this.store.conversations(this.call(overrides), { limit: 1000 });
  }

  turns(conversation: string, overrides: Partial<WriteCall> = {}): Promise<readonly StoredTurn[]> {
    return this.store.turns(this.call(overrides), conversation, { after: 0, limit: 1000 });
  }

  async thread(thread: string): Promise<readonly string[]> {
    return (await this.memories.list(this.call(), { thread }, { limit: 1000 })).map(({ content }) => content);
  }

  usedBytes(): Promise<number> {
    return this.memories.usedBytes(this.call());
  }

  /** How far the counter of used bytes is from what is there: always 0. Of a turn that is under way its answer does not count yet. */
  async bytesOff(): Promise<number> {
    const conversations = await this.conversations();
    const turns = (await Promise.all(conversations.map((each) => this.turns(each.uuid)))).flat();
    const memories = await this.memories.scan(this.call(), {}, undefined, 1000);
    const sum =
      total(conversations, ({ title }) => title) +
      total(turns, ({ userText, answer, steps, endedAt }) => userText + (endedAt === undefined ? '' : answer + stepsText(steps))) +
      total(memories, ({ content, tags, metadata }) => content + tags.join('') + JSON.stringify(metadata));
    return (await this.usedBytes()) - sum;
  }
}

function total<T>(items: readonly T[], text: (item: T) => string): number {
  return items.reduce((sum, item) => sum + Buffer.byteLength(text(item)), 0);
}

function stepsText(steps: StoredTurn['steps']): string {
  return steps.length === 0 ? '' : JSON.stringify(steps);
}

export function newTurn({ title = 'a title', space = '0'.repeat(16), isTemporary = false, expiresAt, ...wish }: TurnWish = {}): NewTurn {
  return {
    uuid: uuid(),
    ref: { kind: 'new' },
    made: { uuid: uuid(), title, isTemporary, ...(expiresAt === undefined ? {} : { expiresAt }) },
    author: AUTHOR,
    owner: OWNER,
    leaseUntil: NOW + LEASE_MS,
    userText: 'a question',
    space,
    ...wish,
  };
}

export function turnEnd(turn: string, fields: Partial<TurnEnd> = {}): TurnEnd {
  return {
    uuid: turn,
    owner: OWNER,
    state: 'done',
    answer: 'an answer',
    steps: [],
    recalled: [],
    tokens: { input: 0, output: 0 },
    day: 20_000,
    memories: [],
    ...fields,
  };
}

/** What is remembered of an exchange. */
export function remembered(thread: string, place: number, fields: Partial<NewMemory> = {}): NewMemory {
  return newMemory({ type: 'conversation', thread, place, ...fields });
}
