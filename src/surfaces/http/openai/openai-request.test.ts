import { describe, expect, it } from 'vitest';
import { readOpenAiRequest } from './openai-request.ts';

const user = { role: 'user', content: 'hi' };

describe('readOpenAiRequest', () => {
  it('reads what counts and ignores the rest', () => {
    const call = { id: 't1', type: 'function', function: { name: 'f', arguments: '{}' } };
    const request = readOpenAiRequest({
      model: 'tiny',
      messages: [
        { role: 'developer', content: 'Be brief.', name: 'x' },
        user,
        { role: 'assistant', content: null, tool_calls: [call] },
        {
          role: 'tool',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
          tool_call_id: 't1',
        },
      ],
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 5,
      max_completion_tokens: 7,
      temperature: null,
      stop: 'END',
      n: 1,
      tools: [{ type: 'function', function: { name: 'f', strict: true } }],
      tool_choice: { type: 'function', function: { name: 'f' } },
      logit_bias: { 1: 2 },
      metadata: { any: 'thing' },
    });
    expect(request).toEqual({
      isStream: true,
      wantsUsage: true,
      input: {
        model: 'tiny',
        messages: [
          { role: 'system', content: 'Be brief.' },
          user,
          { role: 'assistant', content: '', toolCalls: [{ id: 't1', name: 'f', arguments: '{}' }] },
          { role: 'tool', content: 'ab', toolCallId: 't1' },
        ],
        maxTokens: 7,
        stop: ['END'],
        tools: [{ name: 'f', parameters: { type: 'object', properties: {} } }],
        toolChoice: 'required',
      },
    });
  });

  it.each([
    ['messages', {}],
    ['messages', { messages: [] }],
    ['messages', { messages: Array.from({ length: 1001 }, () => user) }],
    ['messages.1.role', { messages: [user, { role: 'robot', content: 'x' }] }],
    ['messages.0.content', { messages: [{ role: 'user', content: 7 }] }],
    ['messages.0.content', { messages: [{ role: 'user', content: Array.from({ length: 500_000 }, () => 1) }] }],
    ['messages.0.content.0', { messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] }],
    ['n', { messages: [user], n: 2 }],
    ['tools', { messages: [user], tools: Array.from({ length: 500_000 }, () => 1) }],
  ])('names %s when it is wrong', (field, body) => {
    expect(() => readOpenAiRequest(body)).toThrow(expect.objectContaining({ code: 'invalid_input', details: { field } }));
  });
});
