/**
 * `npm run eval:memory -- FILE`: recall of the turns that answer a question, through the running server, all users at once.
 * FILE: `{users:[{user, memories:[{id, session, date, speaker, text, image_caption?}], queries:[{id, category, question, gold}]}]}`,
 * gzipped or plain. Fails when any answer holds another user's memory.
 */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { newUser, NO_RATES, rest } from './support/rest.ts';
import { type ServerProcess, startServerProcess } from './support/server-process.ts';

const TOP = 10;

const fileSchema = z.object({
  users: z.array(
    z.object({
      user: z.string(),
      memories: z.array(
        z.object({
          id: z.string(),
          session: z.union([z.string(), z.number()]),
          date: z.string(),
          speaker: z.string(),
          text: z.string(),
          image_caption: z.string().nullish(),
        }),
      ),
      queries: z.array(z.object({ id: z.string(), category: z.string(), question: z.string(), gold: z.array(z.string()) })),
    }),
  ),
});
type EvalUser = z.output<typeof fileSchema>['users'][number];

interface Answer {
  readonly category: string;
  readonly at5: number;
  readonly at10: number;
  readonly foreign: number;
  readonly ms: number;
}

interface Retrieved {
  readonly mode: string;
  readonly results: readonly { readonly id: string }[];
}

/** "1:56 pm on 8 May, 2023" → ISO, in UTC. */
function occurredAt(date: string): string {
  const [, hour, minute, half, day, month, year] = /^(\d+):(\d+) (am|pm) on (\d+) (\w+), (\d+)$/.exec(date) ?? [];
  if (hour === undefined || month === undefined) throw new Error(`cannot read the date "${date}"`);
  const hours = (Number(hour) % 12) + (half === 'pm' ? 12 : 0);
  const monthIndex = new Date(`${month} 1, 2000 UTC`).getUTCMonth();
  return new Date(Date.UTC(Number(year), monthIndex, Number(day), hours, Number(minute))).toISOString();
}

function contentOf({ speaker, text, image_caption: caption }: EvalUser['memories'][number]): string {
  return `${speaker}: ${text}${caption ? ` [shared image: ${caption}]` : ''}`;
}

async function evaluate(
  server: ServerProcess,
  data: EvalUser,
): Promise<{ readonly answers: readonly Answer[]; readonly modes: ReadonlySet<string> }> {
  const { key } = await newUser(server, data.user);
  const turnById = new Map<string, string>();
  for (const memory of data.memories) {
    const body = { content: contentOf(memory), type: 'turn', thread: `${data.user} ${memory.session}`, occurredAt: occurredAt(memory.date) };
    const stored = await rest<{ id: string }>(server, key, 'POST', '/memories', body);
    turnById.set(stored.id, memory.id);
  }
  const answers: Answer[] = [];
  const modes = new Set<string>();
  for (const query of data.queries) {
    const started = performance.now();
    const found = await rest<Retrieved>(server, key, 'POST', '/memories/retrieve', { query: query.question, limit: TOP });
    const ms = performance.now() - started;
    modes.add(found.mode);
    const turns = found.results.map(({ id }) => turnById.get(id));
    const foreign = turns.filter((turn) => turn === undefined).length;
    const recall = (k: number): number => query.gold.filter((id) => turns.slice(0, k).includes(id)).length / query.gold.length;
    if (query.gold.length > 0) answers.push({ category: query.category, at5: recall(5), at10: recall(10), foreign, ms });
  }
  return { answers, modes };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (value: number): string => (100 * value).toFixed(1).padStart(7);

function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? Number.NaN;
}

function printTable(answers: readonly Answer[]): void {
  console.log('category          questions    R@5   R@10');
  const line = (name: string, rows: readonly Answer[]): void =>
    console.log(
      `${name.padEnd(18)}${String(rows.length).padStart(9)}${percent(mean(rows.map((row) => row.at5)))}${percent(mean(rows.map((row) => row.at10)))}`,
    );
  for (const [category, rows] of [...Map.groupBy(answers, (answer) => answer.category)].toSorted(([a], [b]) => a.localeCompare(b)))
    line(category, rows);
  line('overall', answers);
}

async function main(path: string | undefined): Promise<number> {
  if (path === undefined) {
    console.error('Usage: npm run eval:memory -- FILE   (for example ../shared/data/locomo-dev.json.gz)');
    return 2;
  }
  const bytes = await readFile(path);
  const { users } = fileSchema.parse(JSON.parse((path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')));
  await using server = await startServerProcess(NO_RATES);
  const results = await Promise.all(users.map((user) => evaluate(server, user)));
  const answers = results.flatMap((result) => result.answers);
  const foreign = answers.reduce((sum, answer) => sum + answer.foreign, 0);
  const modes = [...new Set(results.flatMap((result) => [...result.modes]))].join(', ');
  console.log(`${users.length} users at once, ${users.reduce((sum, user) => sum + user.memories.length, 0)} memories, mode: ${modes}\n`);
  printTable(answers);
  const times = answers.map((answer) => answer.ms);
  console.log(`\ntime per question: median ${quantile(times, 0.5).toFixed(1)} ms, 95th percentile ${quantile(times, 0.95).toFixed(1)} ms`);
  console.log(`foreign results: ${foreign}`);
  return foreign === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv[2]);
