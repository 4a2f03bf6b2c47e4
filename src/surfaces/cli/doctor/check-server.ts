import { PolymniaError } from '../../../kernel/errors.ts';
import type { Check } from '../cli-deps.ts';
import type { Invocation } from '../command.ts';
import { formatDuration } from '../human-values.ts';
import type { RestClient } from '../rest-client.ts';

/** What was found about the running server. */
export interface ServerFindings {
  readonly checks: readonly Check[];
  /** A server answers. */
  readonly answers: boolean;
  /** It is one named by address, not that of the data folder. */
  readonly isElsewhere: boolean;
}

/** Beyond this, expiry times and words like "yesterday" go wrong. An answer's date has whole seconds. */
const MAX_CLOCK_SKEW_MS = 5000;

/** Is the server there, ready, of the same time, and does it take our key? */
export async function checkServer(invocation: Invocation): Promise<ServerFindings> {
  let client: RestClient;
  try {
    client = await invocation.client();
  } catch (error) {
    if (!(error instanceof PolymniaError)) throw error;
    return { checks: [{ name: 'server', ok: false, detail: sentence(error) }], answers: false, isElsewhere: false };
  }
  const isElsewhere = !client.target.isLocal;
  try {
    const ready = await client.probe('/readyz');
    const checks = [readiness(ready.status, client.target.url), clockCheck(ready.date, invocation), await keyCheck(client, invocation)];
    return { checks: checks.filter((check) => check !== undefined), answers: true, isElsewhere };
  } catch (error) {
    if (!(error instanceof PolymniaError) || invocation.terminal.signal.aborted) throw error;
    return { checks: [{ name: 'server', ok: false, detail: sentence(error) }], answers: false, isElsewhere };
  }
}

function sentence(error: PolymniaError): string {
  const hint = error.details?.['hint'];
  return typeof hint === 'string' ? `${error.message} ${hint}` : error.message;
}

function readiness(status: number, url: string): Check {
  if (status === 200) return { name: 'server', ok: true, detail: `${url} is ready` };
  const why =
    status === 503
      ? 'answers, but is not ready; wait until it has started or stopped'
      : `answers HTTP ${status}; check that a Polymnia server listens there`;
  return { name: 'server', ok: false, detail: `${url} ${why}` };
}

function clockCheck(date: string | null, { deps }: Invocation): Check | undefined {
  const at = Date.parse(date ?? '');
  if (Number.isNaN(at)) return undefined;
  const skew = Math.abs(deps.clock.now() - at);
  const ok = skew <= MAX_CLOCK_SKEW_MS;
  return { name: 'clock', ok, detail: ok ? "agrees with the server's" : `differs by ${formatDuration(skew)} from the server's; set both by NTP` };
}

async function keyCheck(client: RestClient, { deps, terminal }: Invocation): Promise<Check | undefined> {
  if (!deps.operations.some(({ name }) => name === 'whoami')) return undefined;
  try {
    await client.call('whoami', {});
    return { name: 'key', ok: true, detail: 'accepted' };
  } catch (error) {
    if (!(error instanceof PolymniaError) || terminal.signal.aborted) throw error;
    return { name: 'key', ok: false, detail: sentence(error) };
  }
}
