import {
  acceptedContent,
  type GetPromptResult,
  type InputRequiredResult,
  inputRequired,
  type PromptMessage,
  ProtocolError,
  ProtocolErrorCode,
  type Server,
  type ServerContext,
} from '@modelcontextprotocol/server';

/** One white pixel as PNG, Base64. */
export const FIXTURE_IMAGE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';

interface FixturePrompt {
  readonly arguments: readonly string[];
  get(args: Readonly<Record<string, string>>, ctx: ServerContext): GetPromptResult | InputRequiredResult;
}

const say = (text: string): PromptMessage => ({ role: 'user', content: { type: 'text', text } });

const PROMPTS: Readonly<Record<string, FixturePrompt>> = {
  test_simple_prompt: { arguments: [], get: () => ({ messages: [say('This is a simple prompt for testing.')] }) },
  test_prompt_with_arguments: {
    arguments: ['arg1', 'arg2'],
    get: ({ arg1, arg2 }) => ({ messages: [say(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)] }),
  },
  test_prompt_with_embedded_resource: {
    arguments: ['resourceUri'],
    get: ({ resourceUri = 'test://example-resource' }) => ({
      messages: [
        {
          role: 'user',
          content: { type: 'resource', resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' } },
        },
        say('Please process the embedded resource above.'),
      ],
    }),
  },
  test_prompt_with_image: {
    arguments: [],
    get: () => ({
      messages: [{ role: 'user', content: { type: 'image', data: FIXTURE_IMAGE, mimeType: 'image/png' } }, say('Please analyze the image above.')],
    }),
  },
  test_input_required_result_prompt: {
    arguments: [],
    get: (_args, ctx) => {
      const content = acceptedContent(ctx.mcpReq.inputResponses, 'user_context');
      if (content !== undefined) return { messages: [say(`Use this context: ${String(content['context'])}`)] };
      return inputRequired({
        inputRequests: {
          user_context: {
            method: 'elicitation/create',
            params: {
              mode: 'form',
              message: 'What context should the prompt use?',
              requestedSchema: { type: 'object', properties: { context: { type: 'string' } }, required: ['context'] },
            },
          },
        },
      });
    },
  },
};

/** Adds the suite's prompts, and completion of their arguments, to one request's server. */
export function mountFixturePrompts(server: Server): void {
  server.registerCapabilities({ prompts: {}, completions: {} });
  server.setRequestHandler('prompts/list', () => ({
    prompts: Object.entries(PROMPTS).map(([name, prompt]) => ({
      name,
      description: `Conformance fixture ${name}.`,
      arguments: prompt.arguments.map((argument) => ({ name: argument, description: `Test argument ${argument}.`, required: true })),
    })),
  }));
  server.setRequestHandler('prompts/get', ({ params }, ctx) => {
    const prompt = Object.hasOwn(PROMPTS, params.name) ? PROMPTS[params.name] : undefined;
    if (prompt === undefined) throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'No such prompt.');
    return prompt.get(params.arguments ?? {}, ctx);
  });
  server.setRequestHandler('completion/complete', ({ params }) => {
    const values = ['test', 'testing', 'party'].filter((value) => value.startsWith(params.argument.value));
    return { completion: { values, total: values.length, hasMore: false } };
  });
}
