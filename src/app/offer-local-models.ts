import type { Settings } from '../config/options.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/logger.ts';
import { findLocalServers, type LocalModelServer, type LocalPlace } from '../providers/models/local-servers.ts';
import type { Check } from '../surfaces/cli/cli-deps.ts';

interface SearchParts {
  readonly settings: Settings;
  readonly clock: Clock;
  /** Ends the search. */
  readonly signal: AbortSignal;
  /** Default: the usual ports of this machine. */
  readonly places?: readonly LocalPlace[];
}

/**
 * Where no model is set up, looks for model servers on this machine and tells the log which options would use one. Nothing is
 * used unasked. Resolves when it has looked, or quietly when the signal aborts.
 */
export async function offerLocalModels({ logger, ...parts }: SearchParts & { readonly logger: Logger }): Promise<void> {
  if (hasModel(parts.settings) || !parts.settings.CHAT_PROBE) return;
  try {
    const [first, ...more] = await findLocalServers(parts);
    if (first === undefined) return;
    logger.info('no language model is set up, but this machine has one; these options would use it', {
      options: optionsFor(first),
      found: [first, ...more].map((server) => describe(server)).join('; '),
    });
  } catch (error) {
    if (!parts.signal.aborted) throw error;
  }
}

/** The same for `doctor`. Rejects with the signal's error. */
export async function checkModels(parts: SearchParts): Promise<Check> {
  return { name: 'chat model', ok: true, detail: await modelDetail(parts) };
}

async function modelDetail(parts: SearchParts): Promise<string> {
  if (hasModel(parts.settings)) return 'set up in environment or .env';
  const none = 'none is set up in environment or .env';
  if (!parts.settings.CHAT_PROBE) return `${none}; this machine was not searched, since CHAT_PROBE is false`;
  const [first, ...more] = await findLocalServers(parts);
  if (first === undefined) return `${none}, and no model server was found on this machine; answers quote what is stored`;
  return `${none}; found on this machine: ${[first, ...more].map((server) => describe(server)).join('; ')}; to use it, set ${optionsFor(first)}`;
}

function hasModel({ CHAT_MODEL_URL, OPENAI_API_KEY, ANTHROPIC_API_KEY }: Settings): boolean {
  return [CHAT_MODEL_URL, OPENAI_API_KEY, ANTHROPIC_API_KEY].some((value) => value !== '');
}

function optionsFor({ url, models: [first] }: LocalModelServer): string {
  return `CHAT_MODEL_URL=${url} CHAT_MODEL=${first}`;
}

function describe({ url, models }: LocalModelServer): string {
  return `${url} has ${models.join(', ')}`;
}
