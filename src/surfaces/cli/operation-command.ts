import { PolymniaError } from '../../kernel/errors.ts';
import type { OperationDeclaration } from '../../kernel/operation.ts';
import { usageError } from './arguments.ts';
import type { Command, CommandGroup, Flag, Invocation } from './command.ts';
import { ProgressBar } from './progress-bar.ts';
import { isFields, renderValue, type View } from './render-value.ts';
import type { RestClient } from './rest-client.ts';
import { fieldValue, inputOf, type SchemaField, schemaFields } from './schema-fields.ts';

type Input = Readonly<Record<string, unknown>>;
type Fields = Readonly<Record<string, unknown>>;

/** A friendly command over one operation: a few names beside what the operation's schema already says. */
export interface OperationCommandRow {
  readonly words: readonly string[];
  readonly group: CommandGroup;
  readonly operation: string;
  readonly summary: string;
  /** The input field each positional argument fills, with what stands for it in help. The last one may take all that is left. */
  readonly arguments?: readonly { readonly field: string; readonly placeholder: string; readonly isOptional?: boolean; readonly isRest?: boolean }[];
  /** Other names for the flags of fields: `{ tag: { field: 'tagsAny' } }`. */
  readonly aliases?: Readonly<Record<string, { readonly field: string; readonly short?: string }>>;
  /** Fields that are no flags here. */
  readonly hidden?: readonly string[];
  readonly notes?: readonly string[];
  /** Asks for `--yes`; without it `preview` is done, or refused when there is none. */
  readonly confirm?: { readonly warning: string; readonly preview?: Input };
  /** Last changes of the input; may throw usage errors. */
  prepare?(input: Input, invocation: Invocation): Promise<Input> | Input;
  /** The answer for people; else as fields and tables. */
  render?(answer: Fields, view: View, input: Input): string;
}

const YES: Flag = { name: 'yes', short: 'y', type: 'boolean', description: 'Really do it.' };

/** The command of a row. */
export function operationCommand(row: OperationCommandRow): Command {
  const positionals = row.arguments ?? [];
  const usage = positionals.map((argument) => usageOf(argument)).join(' ');
  return {
    words: row.words,
    group: row.group,
    summary: row.summary,
    needs: [row.operation],
    ...(usage === '' ? {} : { usage }),
    ...(row.notes === undefined ? {} : { notes: row.notes }),
    flags: (operations) => flagsOf(row, operations),
    run: (invocation) => runRow(row, invocation),
  };
}

function usageOf({ placeholder, isOptional, isRest }: NonNullable<OperationCommandRow['arguments']>[number]): string {
  const name = isRest === true ? `${placeholder}…` : placeholder;
  return isOptional === true ? `[${name}]` : name;
}

function fieldsOf(row: OperationCommandRow, operations: readonly OperationDeclaration[]): readonly SchemaField[] {
  const declared = operations.find(({ name }) => name === row.operation);
  return declared === undefined ? [] : schemaFields(declared);
}

function flagsOf(row: OperationCommandRow, operations: readonly OperationDeclaration[]): readonly Flag[] {
  const fields = fieldsOf(row, operations);
  const aliased = Object.values(row.aliases ?? {}).map(({ field }) => field);
  const taken = new Set([...(row.hidden ?? []), ...aliased, ...(row.arguments ?? []).map(({ field }) => field)]);
  const own = fields.filter(({ name }) => !taken.has(name)).map(({ flag }) => flag);
  const aliases = Object.entries(row.aliases ?? {}).flatMap(([name, { field, short }]) => {
    const flag = fields.find((candidate) => candidate.name === field)?.flag;
    return flag === undefined ? [] : [{ ...flag, name, ...(short === undefined ? {} : { short }) }];
  });
  return [...aliases, ...own, ...(row.confirm === undefined ? [] : [YES])];
}

async function runRow(row: OperationCommandRow, invocation: Invocation): Promise<void> {
  const { terminal, deps, values } = invocation;
  const fields = fieldsOf(row, deps.operations);
  const given = { ...inputOf(fields, values), ...aliasedInput(row, fields, invocation), ...positionalInput(row, fields, invocation) };
  const input = withTimeZone(fields, (await row.prepare?.(given, invocation)) ?? given, deps.timeZone);
  const isPreview = row.confirm !== undefined && values['yes'] !== true;
  if (isPreview && row.confirm?.preview === undefined) {
    throw new PolymniaError('invalid_input', `${row.confirm?.warning ?? ''} Nothing was done.`, { details: { hint: 'Give --yes to do it.' } });
  }
  const asked = isPreview ? { ...input, ...row.confirm?.preview } : input;
  const client = await invocation.client();
  const answer = await ask(row, client, asked, invocation);
  if (invocation.isJson) return terminal.printJson(answer);
  const view = viewOf(invocation);
  const text = isFields(answer) && row.render !== undefined ? row.render(answer, view, asked) : renderValue(answer, view);
  await terminal.print(text);
  if (isPreview) terminal.note(terminal.errorPalette.warn(`${row.confirm?.warning ?? ''} Nothing was done yet; give --yes to do it.`));
}

/** A job is waited for with a bar, unless it shall run in the background. */
async function ask(row: OperationCommandRow, client: RestClient, input: Input, { deps, terminal }: Invocation): Promise<unknown> {
  const runsAsJob = deps.operations.some(({ name, job }) => name === row.operation && job !== undefined);
  if (!runsAsJob || input['background'] === true) return client.call(row.operation, input);
  using bar = new ProgressBar(terminal, deps.clock);
  return await client.callWithProgress(row.operation, input, (progress) => bar.show(progress));
}

/** How answers of this run are shown. */
export function viewOf({ terminal, deps }: Invocation): View {
  return { palette: terminal.palette, columns: terminal.columns, now: deps.clock.now() };
}

function aliasedInput(row: OperationCommandRow, fields: readonly SchemaField[], { values }: Invocation): Input {
  const entries = Object.entries(row.aliases ?? {}).flatMap(([name, { field }]) => {
    const given = values[name];
    const schema = fields.find((candidate) => candidate.name === field);
    return given === undefined || schema === undefined ? [] : [[field, fieldValue(schema, given)] as const];
  });
  return Object.fromEntries(entries);
}

function positionalInput(row: OperationCommandRow, fields: readonly SchemaField[], { positionals, command }: Invocation): Input {
  const wanted = row.arguments ?? [];
  const takesRest = wanted.at(-1)?.isRest === true;
  if (positionals.length > wanted.length && !takesRest) {
    throw usageError(
      `"${command.words.join(' ')}" takes ${wanted.length === 0 ? 'no arguments' : wanted.map(usageOf).join(' ')}; quote what has blanks.`,
      command,
    );
  }
  const entries = wanted.flatMap(({ field, placeholder, isOptional, isRest }, at) => {
    const given = isRest === true ? positionals.slice(at) : positionals.slice(at, at + 1);
    if (given.length === 0 && isOptional !== true) throw usageError(`"${command.words.join(' ')}" needs ${placeholder}.`, command);
    const schema = fields.find(({ name }) => name === field);
    if (given.length === 0) return [];
    return [[field, schema === undefined ? given[0] : fieldValue(schema, schema.isList ? given : given.join(' '))] as const];
  });
  return Object.fromEntries(entries);
}

/** Words like "last week" are meant where the user sits, not where the server stands. */
function withTimeZone(fields: readonly SchemaField[], input: Input, timeZone: string | undefined): Input {
  const usesWords = input['since'] !== undefined || input['until'] !== undefined;
  const isKnown = fields.some(({ name }) => name === 'timeZone');
  return timeZone !== undefined && usesWords && isKnown && input['timeZone'] === undefined ? { ...input, timeZone } : input;
}
