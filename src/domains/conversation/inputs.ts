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

const model = z.string().min(1).max(200).optional().describe('Name of a model, as list_models gives it; left out = the default one.');
const maxTokens = z.int().min(1).max(CHAT_LIMITS.maxTokens).optional().describe('Tokens of the answer at most.');
const temperature = z.number().min(0).max(2).optional();
const conversation = z
  .string()
  .min(1)
  .max(CHAT_LIMITS.keyLength)
  .optional()
  .describe('Id of a conversation (conv_…), or any name of your own for one; it is made when there is none of that name.');

export const completeChatInput = z.strictObject({
  messages: shortList(CHAT_LIMITS.messages, z.array(message).min(1)).describe('The conversation, oldest message first.'),
  conversation: conversation.describe('Where the exchange is kept; left out = the conversation that has gone just so, or a new one.'),
  keep: z.boolean().default(true).describe('false: nothing of the exchange is stored or remembered.'),
  model,
  maxTokens,
  temperature,
  topP: z.number().min(0).max(1).optional(),
  stop: shortList(CHAT_LIMITS.stops, z.array(z.string().min(1).max(200)))
    .optional()
    .describe('Texts that end the answer.'),
  tools: shortList(CHAT_LIMITS.tools, z.array(tool)).optional().describe('Functions the model may ask the caller to run.'),
  toolChoice: z.enum(['auto', 'none', 'required']).optional(),
});

export const chatInput = z.strictObject({
  message: z.string().trim().min(1).max(CHAT_LIMITS.messageCharacters).describe('What you say.'),
  conversation: conversation.describe('Id or your own name of a conversation to go on with; left out = a new one.'),
  standing: z.boolean().default(false).describe('true: without a conversation named, your one standing conversation instead of a new one.'),
  temporary: z.boolean().default(false).describe('true: a new conversation of which nothing is remembered, and which goes after a day.'),
  model,
  maxTokens,
  temperature,
  recent: z.int().min(0).max(1000).optional().describe('Messages of the conversation put before the model; left out = all that fit.'),
  tools: z.boolean().default(true).describe('false: the model may not look things up or note facts while it answers.'),
  wait: z
    .union([z.literal('end'), z.coerce.number().min(0).max(600)])
    .optional()
    .describe('Seconds to wait for the answer, or "end".'),
});

export const getTurnInput = z.strictObject({
  id: z.string().describe('Id of a turn (turn_…).'),
  wait: z.coerce.number().min(0).max(600).default(0).describe('Seconds to wait for its end.'),
  after: z.coerce.number().int().min(0).default(0).describe('For its events: position to go on from.'),
});

export const turnIdInput = z.strictObject({ id: z.string().describe('Id of a turn (turn_…).') });

export const getContextInput = z.strictObject({
  query: z.string().trim().min(1).max(8192).describe('What the next answer is about.'),
  conversation,
  recent: z.int().min(0).max(100).optional().describe('Messages of the conversation at most.'),
});

const limit = z.coerce.number().int().min(1).max(CHAT_LIMITS.page).default(20);
const cursor = z.string().max(500).optional().describe('Where the page before ended, as it said.');

export const listConversationsInput = z.strictObject({ limit, cursor });
export const getConversationInput = z.strictObject({
  id: z.string().describe('Id of a conversation (conv_…).'),
  after: z.coerce.number().int().min(0).default(0).describe('Number of the turn to go on after.'),
  limit,
});
export const deleteConversationInput = z.strictObject({ id: z.string().describe('Id of a conversation (conv_…).') });
export const listModelsInput = z.strictObject({});

export type CompleteChatInput = z.output<typeof completeChatInput>;
export type ChatInput = z.output<typeof chatInput>;
export type GetTurnInput = z.output<typeof getTurnInput>;
export type GetContextInput = z.output<typeof getContextInput>;
export type ListConversationsInput = z.output<typeof listConversationsInput>;
export type GetConversationInput = z.output<typeof getConversationInput>;
