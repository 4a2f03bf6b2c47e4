import { z } from 'zod';
import { shortList } from '../../kernel/short-list.ts';
import { CHAT_LIMITS } from './limits.ts';

const content = z.string().max(CHAT_LIMITS.characters);
const toolCall = z.strictObject({ id: z.string().min(1).max(200), name: z.string().min(1).max(200), arguments: content });

const message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.enum(['system', 'user']), content }),
  z.strictObject({ role: z.literal('assistant'), content, toolCalls: shortList(CHAT_LIMITS.tools, z.array(toolCall)).optional() }),
  z.strictObject({ role: z.literal('tool'), content, toolCallId: z.string().min(1).max(200) }),
]);

const tool = z.strictObject({
  name: z.string().min(1).max(200),
  description: z.string().max(10_000).optional(),
  parameters: z.record(z.string(), z.unknown()).describe('JSON Schema of the arguments.'),
});

export const completeChatInput = z.strictObject({
  messages: shortList(CHAT_LIMITS.messages, z.array(message).min(1)).describe('The conversation, oldest message first.'),
  model: z.string().min(1).max(200).optional().describe('Name of a model, as list_models gives it; left out = the default one.'),
  maxTokens: z.int().min(1).max(CHAT_LIMITS.maxTokens).optional().describe('Tokens of the answer at most.'),
  temperature: z.number().min(0).max(2).optional(),
  topP: z.number().min(0).max(1).optional(),
  stop: shortList(CHAT_LIMITS.stops, z.array(z.string().min(1).max(200)))
    .optional()
    .describe('Texts that end the answer.'),
  tools: shortList(CHAT_LIMITS.tools, z.array(tool)).optional().describe('Functions the model may ask the caller to run.'),
  toolChoice: z.enum(['auto', 'none', 'required']).optional(),
  space: z.string().optional().describe('Space whose memories are recalled (space_…); left out = your personal space.'),
});

export const listModelsInput = z.strictObject({});

export type CompleteChatInput = z.output<typeof completeChatInput>;
