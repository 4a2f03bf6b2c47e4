import type { ModelMessage, TokenUsage } from '../model.ts';

/** Bytes of a token, on the low side: an estimate that reserves too little is worse than one that reserves too much. */
const BYTES_PER_TOKEN = 3;
/** Role and separators of a message. */
const TOKENS_PER_MESSAGE = 4;

/** Tokens by bytes: never a tokeniser, which takes minutes for some texts. */
export function estimateUsage(messages: readonly ModelMessage[], written: string): TokenUsage {
  const inputTokens = messages.reduce((sum, { content }) => sum + TOKENS_PER_MESSAGE + tokensOf(content), 0);
  return { inputTokens, outputTokens: tokensOf(written) };
}

function tokensOf(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
}
