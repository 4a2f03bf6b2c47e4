import { z } from 'zod';
import { FINISH_REASONS } from './model.ts';
import { RECALL_STATES } from './recall.ts';

const usage = z.object({
  inputTokens: z.int(),
  outputTokens: z.int(),
  estimated: z.boolean().describe('True: the provider counted nothing; these are estimates by bytes'),
});

const recall = z.object({
  state: z.enum(RECALL_STATES).describe('done, or why the answer goes without memories'),
  memories: z.array(z.string()).describe('Ids of the memories put before the model'),
});

const toolCall = z.object({ id: z.string(), name: z.string(), arguments: z.string().describe('A JSON object as text, as the model wrote it') });

export const completeChatOutput = z.object({
  model: z.string(),
  text: z.string(),
  toolCalls: z.array(toolCall),
  finishReason: z.enum(FINISH_REASONS),
  usage,
  recall,
});

export const listModelsOutput = z.object({
  models: z.array(z.object({ name: z.string(), isDefault: z.boolean() })),
});

export type CompleteChatOutput = z.output<typeof completeChatOutput>;
