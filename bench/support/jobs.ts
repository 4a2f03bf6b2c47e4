import { toolCall } from './mcp-call.ts';
import { rest } from './rest.ts';

type Server = { readonly url: string };

/** A job as the server tells it. */
export interface JobState {
  readonly id: string;
  readonly state: 'queued' | 'running' | 'succeeded' | 'partial' | 'failed' | 'cancelled';
  readonly progress?: { readonly phase: string; readonly done: number; readonly total?: number };
  readonly error?: { readonly message: string };
}

interface JobAnswer {
  readonly job: JobState;
  readonly result?: unknown;
}

interface ToolAnswer {
  readonly result?: { readonly structuredContent?: JobAnswer };
}

/** Limit of one call that answers at once. */
const CALL_MS = 30_000;

/** How long one look at a job may wait for its end, in seconds. */
const LOOK_S = 30;

/** Starts a job in the background; its id. */
export async function beginJob(server: Server, key: string, path: string, body: object): Promise<string> {
  return (await rest<JobAnswer>(server, key, 'POST', path, { ...body, background: true })).job.id;
}

/** The same through MCP, as an assistant would. */
export async function beginJobByTool(server: Server, key: string, tool: string, input: object): Promise<string> {
  const { headers, request } = toolCall('2026-07-28', key);
  const { method, path, body } = request(tool, { ...input, background: true });
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { ...headers(tool), 'content-type': 'application/json' },
    ...(body !== undefined && { body }),
    signal: AbortSignal.timeout(CALL_MS),
  });
  const text = await response.text();
  const { result } = JSON.parse(text.startsWith('{') ? text : text.slice(text.lastIndexOf('data: ') + 'data: '.length)) as ToolAnswer;
  if (result?.structuredContent === undefined) throw new Error(`${tool}: ${response.status} ${text.slice(0, 300)}`);
  return result.structuredContent.job.id;
}

/** Waits for the end of a job, or cancels it when the signal aborts. Throws when it failed. */
export async function endOfJob(server: Server, key: string, id: string, signal?: AbortSignal): Promise<JobAnswer> {
  for (;;) {
    if (signal?.aborted === true) return rest<JobAnswer>(server, key, 'POST', `/jobs/${id}/cancel`, {});
    const answer = await lookAt(server, key, id, signal);
    if (answer === undefined || answer.job.state === 'queued' || answer.job.state === 'running') continue;
    if (answer.job.state === 'failed') throw new Error(`the job failed: ${answer.job.error?.message ?? 'no reason was given'}`);
    return answer;
  }
}

/** Undefined when the signal ended the look. */
async function lookAt(server: Server, key: string, id: string, signal: AbortSignal | undefined): Promise<JobAnswer | undefined> {
  try {
    return await rest<JobAnswer>(server, key, 'GET', `/jobs/${id}?wait=${LOOK_S}`, undefined, signal);
  } catch (error) {
    if (signal?.aborted === true) return undefined;
    throw error;
  }
}
