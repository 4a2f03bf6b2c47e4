import { basename, resolve } from 'node:path';
import { ERROR_TABLE } from '../../../kernel/errors.ts';
import type { Progress } from '../../../kernel/operation.ts';
import { echo, textFlag, usageError } from '../arguments.ts';
import type { Command, Flag, Invocation } from '../command.ts';
import { formatCount, plural } from '../human-values.ts';
import { ImportBody } from '../import/import-body.ts';
import { type ImportSource, openSource } from '../import/open-source.ts';
import { IMPORT_FORMATS, type ImportFormat, type SkippedItem } from '../import/source-item.ts';
import { viewOf } from '../operation-command.ts';
import { ProgressBar } from '../progress-bar.ts';
import { isFields, renderValue } from '../render-value.ts';
import { inputOf, type SchemaField, schemaFields } from '../schema-fields.ts';
import { safeLine } from '../terminal-text.ts';

const OPERATION = 'import_memories';
const FORMAT: Flag = {
  name: 'format',
  type: 'string',
  placeholder: 'FORMAT',
  description: `${IMPORT_FORMATS.join(', ')}. Default auto.`,
  choices: IMPORT_FORMATS,
};

type Fields = Readonly<Record<string, unknown>>;

/** `polymnia import`: a file, a folder or standard input becomes memories; foreign formats are converted here. */
export const importCommand: Command = {
  words: ['import'],
  group: 'Moving data',
  summary: 'Read memories from an export, a file of another product, or a folder of Markdown',
  usage: 'FILE|DIR|-',
  needs: [OPERATION],
  takesPath: true,
  notes: ['"-" reads standard input. "polymnia forget --import-id ID --yes" takes an import back.'],
  flags: (operations) => [
    FORMAT,
    ...operations.filter(({ name }) => name === OPERATION).flatMap((operation) => uploadFields(schemaFields(operation)).map(({ flag }) => flag)),
  ],
  async run(invocation) {
    const { deps, terminal, positionals, values, isJson } = invocation;
    const [path] = positionals;
    if (path === undefined || positionals.length > 1) throw usageError('"import" takes one file, one folder, or "-".', importCommand);
    const file = path === '-' ? undefined : resolve(deps.cwd, path);
    const source = await openSource(file, formatFlag(textFlag(values, 'format')), deps.stdin);
    const fields = deps.operations.filter(({ name }) => name === OPERATION).flatMap((operation) => uploadFields(schemaFields(operation)));
    const input = { ...(file === undefined ? {} : { name: basename(file) }), ...inputOf(fields, values) };
    const result = await sendAndRelease(source, input, invocation);
    await (isJson ? terminal.printJson(result.answer) : terminal.print(summary(result, invocation)));
    return exitCodeOf(result);
  },
};

/** The lines come as the body, never as a field. */
function uploadFields(fields: readonly SchemaField[]): readonly SchemaField[] {
  return fields.filter(({ name }) => name !== 'data');
}

function formatFlag(given: string | undefined): ImportFormat {
  const format = IMPORT_FORMATS.find((each) => each === (given ?? 'auto'));
  if (format === undefined) throw usageError(`--format is ${echo(given ?? '')}, but must be one of ${IMPORT_FORMATS.join(', ')}.`, importCommand);
  return format;
}

/** What became of an import, the server's side and this one together. */
interface ImportResult {
  readonly answer: Fields;
  readonly problems: readonly SkippedItem[];
  /** Items this side could not convert. */
  readonly skipped: number;
}

/** Whatever becomes of the call, nobody waits for standard input afterwards: a pipe that never ends would keep the process alive. */
async function sendAndRelease(source: ImportSource, input: Fields, invocation: Invocation): Promise<ImportResult> {
  const { deps, terminal } = invocation;
  const release = (): void => void (source.isStdin && deps.stdin.destroy());
  terminal.signal.addEventListener('abort', release, { once: true });
  try {
    return await send(source, input, invocation);
  } finally {
    terminal.signal.removeEventListener('abort', release);
    release();
  }
}

async function send(source: ImportSource, input: Fields, invocation: Invocation): Promise<ImportResult> {
  const client = await invocation.client();
  using bar = new ProgressBar(invocation.terminal, invocation.deps.clock);
  const body = source.kind === 'items' ? new ImportBody(source.items) : undefined;
  const chunks = source.kind === 'items' ? (body?.chunks() ?? source.items) : source.chunks;
  const counted = counting(chunks as AsyncIterable<Uint8Array>, (bytes) =>
    bar.show({
      phase: 'sending',
      done: bytes,
      unit: 'bytes',
      ...(source.kind === 'lines' && source.bytes !== undefined ? { total: source.bytes } : {}),
    }),
  );
  const value = await client.upload(OPERATION, input, counted, (progress: Progress) => bar.show({ ...progress, phase: 'storing' }));
  const answer = isFields(value) ? value : {};
  const refused = problemsOf(answer).map(({ line, message }) => ({ place: body?.placeOf(line) ?? `line ${line}`, message }));
  const problems = [...(body?.skipped ?? []), ...refused];
  const skipped = body?.skippedCount ?? 0;
  return { answer: skipped === 0 && body === undefined ? answer : { ...answer, skipped, problems }, problems, skipped };
}

async function* counting(chunks: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    yield chunk;
    bytes += chunk.length;
    onBytes(bytes);
  }
}

function problemsOf(answer: Fields): readonly { readonly line: number; readonly message: string }[] {
  const problems = Array.isArray(answer['problems']) ? answer['problems'].filter(isFields) : [];
  return problems.map(({ line, message }) => ({ line: Number(line), message: String(message) }));
}

function numberOf(answer: Fields, name: string): number {
  const value = answer[name];
  return typeof value === 'number' ? value : 0;
}

function summary({ answer, problems, skipped }: ImportResult, invocation: Invocation): string {
  const { palette } = invocation.terminal;
  if (typeof answer['status'] !== 'string') return renderValue(answer, viewOf(invocation));
  const bad = numberOf(answer, 'badLines') + skipped;
  const head = `${answer['status'] === 'succeeded' ? palette.good('Imported') : palette.warn(safeLine(answer['status']))} ${plural(numberOf(answer, 'created'), 'new memory', 'new memories')}, ${plural(numberOf(answer, 'duplicates'), 'duplicate')}${bad === 0 ? '' : `, ${palette.bad(`${formatCount(bad)} left out`)}`}`;
  return [
    head,
    ...(typeof answer['reason'] === 'string' ? [palette.warn(safeLine(answer['reason']))] : []),
    ...problems.map(({ place, message }) => `  ${palette.bad('✗')} ${safeLine(place)}: ${safeLine(message)}`),
    ...(bad > problems.length ? [palette.dim(`  and ${formatCount(bad - problems.length)} more`)] : []),
    palette.dim(`Take it back with: polymnia forget --import-id ${safeLine(String(answer['importId']))} --yes`),
  ].join('\n');
}

/** Something left out is a failure a script must notice. */
function exitCodeOf({ answer, skipped }: ImportResult): number {
  if (answer['status'] === 'failed' || typeof answer['reason'] === 'string') return ERROR_TABLE.internal.exitCode;
  return skipped + numberOf(answer, 'badLines') > 0 ? ERROR_TABLE.invalid_input.exitCode : 0;
}
