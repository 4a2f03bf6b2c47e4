import type { Progress } from '../../../kernel/operation.ts';
import type { Command, Invocation } from '../command.ts';
import { usageError } from '../arguments.ts';
import { operationCommand, viewOf } from '../operation-command.ts';
import { ProgressBar } from '../progress-bar.ts';
import { isFields, renderRows, renderValue, type View } from '../render-value.ts';
import { safeLine } from '../terminal-text.ts';

type Fields = Readonly<Record<string, unknown>>;

const COLUMNS = ['id', 'state', 'operation', 'subject', 'done', 'createdAt'];

/** A job as a row of the list: its progress as one word. */
function rowOf(job: Fields): Fields {
  const { progress, state } = job;
  if (!isFields(progress) || state !== 'running') return job;
  const { phase, done, total } = progress;
  const share = typeof done === 'number' && typeof total === 'number' && total > 0 ? `${Math.floor((100 * done) / total)} %` : String(done);
  return { ...job, done: `${String(phase)} ${share}` };
}

function renderJobs(answer: Fields, view: View): string {
  const jobs = Array.isArray(answer['jobs']) ? answer['jobs'].filter(isFields).map(rowOf) : [];
  if (jobs.length === 0) return 'No jobs.';
  const { nextCursor } = answer;
  const table = renderRows(jobs, COLUMNS, view);
  return typeof nextCursor === 'string' ? `${table}\n${view.palette.dim(`more: --cursor ${safeLine(nextCursor)}`)}` : table;
}

function renderJob(answer: Fields, view: View): string {
  return renderValue(
    isFields(answer['job']) ? { ...answer['job'], ...(answer['result'] === undefined ? {} : { result: answer['result'] }) } : answer,
    view,
  );
}

/** Follows a job to its end with a bar, then shows what became of it. */
async function watch(invocation: Invocation): Promise<void> {
  const { positionals, command, terminal, deps } = invocation;
  const [id] = positionals;
  if (id === undefined || positionals.length > 1) throw usageError('"jobs watch" needs JOB-ID.', command);
  const client = await invocation.client();
  using bar = new ProgressBar(terminal, deps.clock);
  await client.followJob(id, (progress: Progress) => bar.show(progress));
  bar[Symbol.dispose]();
  const answer = await client.call('get_job', { id });
  if (invocation.isJson) return terminal.printJson(answer);
  await terminal.print(isFields(answer) ? renderJob(answer, viewOf(invocation)) : renderValue(answer, viewOf(invocation)));
}

/** Long work: what there is of it, how it goes, and its end. */
export const jobCommands: readonly Command[] = [
  operationCommand({
    words: ['jobs'],
    group: 'Jobs',
    operation: 'list_jobs',
    summary: 'List your jobs, newest first',
    aliases: { limit: { field: 'limit', short: 'n' } },
    render: renderJobs,
  }),
  {
    words: ['jobs', 'watch'],
    group: 'Jobs',
    summary: 'Follow a job to its end',
    usage: 'JOB-ID',
    needs: ['get_job'],
    flags: () => [],
    run: watch,
  },
  operationCommand({
    words: ['jobs', 'show'],
    group: 'Jobs',
    operation: 'get_job',
    summary: 'Show a job and its result',
    arguments: [{ field: 'id', placeholder: 'JOB-ID' }],
    hidden: ['wait'],
    render: renderJob,
  }),
  operationCommand({
    words: ['jobs', 'cancel'],
    group: 'Jobs',
    operation: 'cancel_job',
    summary: 'Stop a job',
    arguments: [{ field: 'id', placeholder: 'JOB-ID' }],
    render: renderJob,
  }),
  operationCommand({
    words: ['jobs', 'all'],
    group: 'Jobs',
    operation: 'list_all_jobs',
    summary: "List everybody's jobs (administrators)",
    render: renderJobs,
  }),
  operationCommand({
    words: ['jobs', 'retry'],
    group: 'Jobs',
    operation: 'retry_job',
    summary: 'Put a failed or cancelled job into its line again (administrators)',
    arguments: [{ field: 'id', placeholder: 'JOB-ID' }],
    render: renderJob,
  }),
];
