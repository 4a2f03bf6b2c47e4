/** Bounds of one request to a model, whatever the model. */
export const CHAT_LIMITS = {
  messages: 1000,
  /** Characters of all messages and tools together: about 250,000 tokens, more than any model here reads. */
  characters: 1_000_000,
  tools: 128,
  maxTokens: 1_000_000,
  stops: 4,
  /** Characters of one message of a user. */
  messageCharacters: 100_000,
  /** Memories recalled for one message, and characters shown of each. */
  passages: 5,
  passageCharacters: 2000,
  /** Characters of one answer; a longer one ends there. */
  answerCharacters: 400_000,
  /** Requests to the model in one turn, tools run for it between them. */
  modelRequests: 10,
  /** Tools one request may ask for, and characters of what each gives the model. */
  toolCalls: 8,
  toolResultCharacters: 8000,
  /** Name a client gives a conversation. */
  keyLength: 200,
  titleLength: 80,
  /** Conversations or turns of one page. */
  page: 100,
} as const;

/** Times of a turn that is under way, ms. */
export const TURN_TIMES = {
  /** Between two saves of its text; longer, by so many times what a save takes, while the disk is behind. */
  saveMs: 5000,
  saveRest: 20,
  maxSaveMs: 15_000,
  /** After the last save the turn counts as lost. */
  leaseMs: 30_000,
  /** What storing its end may take. */
  endMs: 60_000,
} as const;
