import { sleep, startDeadline } from '../../../kernel/abort.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { runStdioBridge } from '../../mcp/stdio-bridge.ts';
import type { Command, Invocation } from '../command.ts';
import { dataDirOf, findServer, NO_SERVER, type ServerTarget } from '../find-server.ts';
import { createRestClient, DEFAULT_TIMEOUT_MS } from '../rest-client.ts';
import { serverChoice } from '../server-choice.ts';

/** How long a started server may take to answer, and how often it is looked for. */
const START_LIMIT_MS = 20_000;
const LOOK_MS = 100;

/** `polymnia mcp`: MCP over standard input and output, as a client of the running server; starts one if none runs. */
export const mcpCommand: Command = {
  words: ['mcp'],
  group: 'Server',
  summary: 'Speak MCP over standard input and output',
  notes: ['For assistants that start their servers themselves. Starts a server in the background if none runs on the data folder.'],
  flags: () => [],
  async run(invocation) {
    const { deps, terminal } = invocation;
    const target = await runningServer(invocation);
    await runStdioBridge({ url: `${target.url}/mcp`, key: target.key, stdin: deps.stdin, stdout: terminal.stdout, signal: terminal.signal });
  },
};

async function runningServer(invocation: Invocation): Promise<ServerTarget> {
  const found = await answering(invocation);
  if (found !== undefined) return found;
  const { deps, terminal, values } = invocation;
  const dataDir = dataDirOf(serverChoice(values), deps);
  terminal.note(`No server runs on ${dataDir}; starting one.`);
  await deps.hooks.spawnServer(['--data-dir', dataDir]);
  using deadline = startDeadline(deps.clock, START_LIMIT_MS, 'the time a server may take to start', terminal.signal);
  for (;;) {
    await sleep(deps.clock, LOOK_MS, deadline.signal).catch((error: unknown) => {
      throw terminal.signal.aborted ? error : didNotStart(dataDir, error);
    });
    const started = await answering(invocation);
    if (started !== undefined) return started;
  }
}

function didNotStart(dataDir: string, cause: unknown): PolymniaError {
  return new PolymniaError('upstream_failed', `The server on ${dataDir} did not start within ${START_LIMIT_MS / 1000} seconds.`, {
    cause,
    details: { hint: 'Start it in a terminal with "polymnia serve" to see why, or ask "polymnia doctor".' },
  });
}

/** The server, if it answers; undefined when there is none that we may start ourselves. */
async function answering({ deps, terminal, values }: Invocation): Promise<ServerTarget | undefined> {
  try {
    const target = await findServer(serverChoice(values), deps);
    if (!target.isLocal) return target;
    const clientDeps = {
      operations: deps.operations,
      clock: deps.clock,
      signal: terminal.signal,
      timeoutMs: DEFAULT_TIMEOUT_MS,
      clientName: 'polymnia-mcp',
    };
    const { status } = await createRestClient(target, clientDeps).probe('/readyz');
    return status === 200 ? target : undefined;
  } catch (error) {
    if (error instanceof PolymniaError && error.details?.['reason'] === NO_SERVER) return undefined;
    throw error;
  }
}
