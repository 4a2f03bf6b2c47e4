/** Bounds of one request to a model, whatever the model. */
export const CHAT_LIMITS = {
  messages: 1000,
  /** Characters of all messages and tools together: about 250,000 tokens, more than any model here reads. */
  characters: 1_000_000,
  tools: 128,
  maxTokens: 1_000_000,
  stops: 4,
  /** Memories recalled for one message, and characters shown of each. */
  passages: 5,
  passageCharacters: 2000,
  /** Milliseconds recall may take; beyond it the answer goes without. */
  recallMs: 300,
} as const;
