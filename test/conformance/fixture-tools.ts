import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  acceptedContent,
  type CallToolRequest,
  type CallToolResult,
  type ClientCapabilities,
  createRequestStateCodec,
  type InputRequests,
  type InputRequiredResult,
  inputRequired,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { BoundOperation } from '../../src/kernel/operation.ts';
import type { McpExchange } from '../../src/surfaces/mcp/index.ts';
import { FIXTURE_IMAGE, mountFixturePrompts } from './fixture-prompts.ts';
import { mountFixtureResources } from './fixture-resources.ts';

type FixtureResult = CallToolResult | InputRequiredResult;
type Run = (ctx: ServerContext, declared: ClientCapabilities | undefined) => FixtureResult | Promise<FixtureResult>;

/** The smallest sound file: a RIFF header and no samples. */
const FIXTURE_AUDIO = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=';

const stateCodec = createRequestStateCodec<string>({ key: randomBytes(32), ttlSeconds: 60 });

const text = (value: string): CallToolResult => ({ content: [{ type: 'text', text: value }] });

const ask = (message: string, field: string, schema: { type: 'string' } | { type: 'boolean' } = { type: 'string' }): InputRequests[string] => ({
  method: 'elicitation/create',
  params: { mode: 'form', message, requestedSchema: { type: 'object', properties: { [field]: schema }, required: [field] } },
});

const sample = (question: string): InputRequests[string] => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: question } }], maxTokens: 100 },
});

const roots: InputRequests[string] = { method: 'roots/list', params: {} };

/** Reads the echoed state; an altered one is an error of the protocol, not of the tool. */
async function readState(ctx: ServerContext): Promise<string | undefined> {
  const state = ctx.mcpReq.requestState();
  if (typeof state !== 'string') return undefined;
  try {
    return await stateCodec.verify(state, ctx);
  } catch {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'The requestState was altered or has expired.');
  }
}

/** Asks once for one input and finishes when its answer has come. */
function askOnce(key: string, request: InputRequests[string]): Run {
  return (ctx) => {
    const answer = ctx.mcpReq.inputResponses?.[key];
    if (answer === undefined) return inputRequired({ inputRequests: { [key]: request } });
    return text(`Received ${JSON.stringify(answer)}`);
  };
}

/** As {@link askOnce}, with signed state that has to come back. */
function askWithState(key: string, request: InputRequests[string]): Run {
  return async (ctx) => {
    const state = await readState(ctx);
    if (state === undefined || ctx.mcpReq.inputResponses?.[key] === undefined) {
      return inputRequired({ inputRequests: { [key]: request }, requestState: await stateCodec.mint('asked', ctx) });
    }
    return text('state-ok');
  };
}

const greet: Run = (ctx) => {
  const content = acceptedContent(ctx.mcpReq.inputResponses, 'user_name');
  if (typeof content?.['name'] !== 'string') return inputRequired({ inputRequests: { user_name: ask('What is your name?', 'name') } });
  return text(`Hello, ${content['name']}!`);
};

const askTwice: Run = async (ctx) => {
  const state = await readState(ctx);
  const answers = ctx.mcpReq.inputResponses ?? {};
  if (state === 'second' && answers['step2'] !== undefined) return text('Both steps are done.');
  if (state === 'first' && answers['step1'] !== undefined) {
    return inputRequired({
      inputRequests: { step2: ask('Step 2: What is your favorite color?', 'color') },
      requestState: await stateCodec.mint('second', ctx),
    });
  }
  return inputRequired({ inputRequests: { step1: ask('Step 1: What is your name?', 'name') }, requestState: await stateCodec.mint('first', ctx) });
};

const askSeveral: Run = async (ctx) => {
  const state = await readState(ctx);
  const keys = ['user_name', 'greeting', 'client_roots'];
  if (state !== undefined && keys.every((key) => ctx.mcpReq.inputResponses?.[key] !== undefined)) return text('All inputs are here.');
  return inputRequired({
    inputRequests: { user_name: ask('What is your name?', 'name'), greeting: sample('Generate a greeting'), client_roots: roots },
    requestState: await stateCodec.mint('asked', ctx),
  });
};

const askWhatIsSupported: Run = (_ctx, declared) =>
  inputRequired({
    inputRequests: {
      ...(declared?.sampling === undefined ? {} : { question: sample('What is the capital of France?') }),
      ...(declared?.elicitation === undefined ? {} : { user_name: ask('What is your name?', 'name') }),
    },
    requestState: 'unsigned: it carries nothing',
  });

const needSampling: Run = (_ctx, declared) => {
  if (declared?.sampling === undefined) throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
  return text('The client can sample.');
};

const reportProgress: Run = async (ctx) => {
  const { _meta: meta } = ctx.mcpReq;
  const progressToken = meta?.progressToken;
  for (const progress of [0, 50, 100]) {
    if (progressToken !== undefined) await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } });
    if (progress < 100) await sleep(50);
  }
  return text('Progress is complete.');
};

const writeLog: Run = async (ctx) => {
  for (const line of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
    await ctx.mcpReq.log('info', line);
    await sleep(50);
  }
  return text('Three log messages were offered.');
};

const resource = (uri: string, mimeType: string, content: string) => ({ type: 'resource', resource: { uri, mimeType, text: content } }) as const;
const image = { type: 'image', data: FIXTURE_IMAGE, mimeType: 'image/png' } as const;

/** The diagnostic tools the suite calls, by name. */
const FIXTURES: Readonly<Record<string, Run>> = {
  test_simple_text: () => text('This is a simple text response for testing.'),
  test_image_content: () => ({ content: [image] }),
  test_audio_content: () => ({ content: [{ type: 'audio', data: FIXTURE_AUDIO, mimeType: 'audio/wav' }] }),
  test_embedded_resource: () => ({ content: [resource('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')] }),
  test_multiple_content_types: () => ({
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      image,
      resource('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
    ],
  }),
  test_error_handling: () => ({ ...text('This tool intentionally returns an error for testing'), isError: true }),
  test_tool_with_progress: reportProgress,
  test_tool_with_logging: writeLog,
  test_logging_tool: writeLog,
  test_missing_capability: needSampling,
  test_sampling: askOnce('answer', sample('Test prompt for sampling')),
  test_elicitation: askOnce('answer', ask('Please provide your information', 'username')),
  test_elicitation_sep1034_defaults: askOnce('answer', ask('Please review the form', 'name')),
  test_elicitation_sep1330_enums: askOnce('answer', ask('Please choose', 'choice')),
  test_streaming_elicitation: greet,
  test_input_required_result_elicitation: greet,
  test_input_required_result_sampling: askOnce('capital_question', sample('What is the capital of France?')),
  test_input_required_result_list_roots: askOnce('client_roots', roots),
  test_input_required_result_request_state: askWithState('confirm', ask('Please confirm', 'ok', { type: 'boolean' })),
  test_input_required_result_tampered_state: askWithState('confirm', ask('Please confirm', 'ok', { type: 'boolean' })),
  test_input_required_result_multiple_inputs: askSeveral,
  test_input_required_result_multi_round: askTwice,
  test_input_required_result_capabilities: askWhatIsSupported,
};

const anything = z.looseObject({});

/** What a fixture did, carried through the gate as a value, so that errors of the protocol arrive unchanged. */
type Settled = { readonly result: FixtureResult } | { readonly thrown: unknown };

function isSettled(value: unknown): value is Settled {
  return typeof value === 'object' && value !== null && ('result' in value || 'thrown' in value);
}

/** One call of a fixture as an operation, so that it passes the same gate as the real ones. */
function asOperation(name: string, run: () => FixtureResult | Promise<FixtureResult>): BoundOperation {
  return {
    name,
    title: name,
    description: `Conformance fixture ${name}.`,
    input: anything,
    output: z.unknown(),
    effect: 'read',
    lane: 'memory',
    scope: null,
    target: { kind: 'none' },
    http: { method: 'POST', path: `/fixtures/${name}` },
    rateCost: () => 0,
    run: async (): Promise<Settled> => {
      try {
        return { result: await run() };
      } catch (thrown) {
        return { thrown };
      }
    },
  };
}

/**
 * Adds the fixtures of the conformance suite to one request's server: its tools beside the real ones and through the
 * same gate, its prompts, its resources, logging and completion. Handed to `createMcpEndpoint` as `extraTools`.
 */
export function mountFixtures(exchange: McpExchange): void {
  const { server } = exchange;
  const listed = Object.keys(FIXTURES).map((name) => ({
    name,
    description: `Conformance fixture ${name}.`,
    inputSchema: { type: 'object' as const },
  }));
  server.registerCapabilities({ logging: {} });
  server.setRequestHandler('tools/list', () => ({ tools: [...exchange.tools, ...listed] }));
  server.setRequestHandler('tools/call', (request, ctx) => callFixture(exchange, request, ctx));
  mountFixturePrompts(server);
  mountFixtureResources(server);
}

async function callFixture(exchange: McpExchange, request: CallToolRequest, ctx: ServerContext): Promise<FixtureResult> {
  const { name, arguments: args } = request.params;
  const run = Object.hasOwn(FIXTURES, name) ? FIXTURES[name] : undefined;
  if (run === undefined) return exchange.callTool(request, ctx);
  const outcome = await exchange.admit(
    asOperation(name, () => run(ctx, exchange.server.getClientCapabilities())),
    args ?? {},
    ctx,
  );
  if (!outcome.ok) throw outcome.error;
  if (!isSettled(outcome.output)) throw new TypeError(`The gate changed the output of fixture ${name}.`);
  if ('thrown' in outcome.output) throw outcome.output.thrown;
  return outcome.output.result;
}
