import { PolymniaError } from '../../../kernel/errors.ts';
import type { OperationDeclaration, Progress } from '../../../kernel/operation.ts';
import { echo, isSet, parseArguments, textFlag, usageError } from '../arguments.ts';
import type { Command, Flag, Invocation } from '../command.ts';
import { flagList, rowList } from '../help.ts';
import { viewOf } from '../operation-command.ts';
import { ProgressBar } from '../progress-bar.ts';
import { renderValue } from '../render-value.ts';
import type { RestClient } from '../rest-client.ts';
import { inputOf, type SchemaField, schemaFields } from '../schema-fields.ts';
import { nearest } from '../suggest.ts';

const INPUT_FLAG: Flag = {
  name: 'input',
  type: 'string',
  placeholder: 'JSON',
  description: "The input as a JSON object; other options go on top. --json '{…}' does the same and prints the raw answer.",
};

/** `polymnia call`: every operation of the registry, by its own name and fields. */
export const callCommand: Command = {
  words: ['call'],
  group: 'More',
  summary: 'Call any operation of the server by name',
  usage: 'OPERATION',
  parsesItself: true,
  needsOwnHelp: true,
  flags: () => [INPUT_FLAG],
  choices: (operations) => operations.map(({ name }) => name),
  async run(invocation) {
    const { deps, terminal, argv } = invocation;
    const [name, ...rest] = afterName(argv);
    const isHelp = rest.includes('--help') || rest.includes('-h');
    if (name === undefined) return terminal.print(listOperations(invocation));
    const operation = deps.operations.find((candidate) => candidate.name === name);
    if (operation === undefined) throw unknownOperation(name, deps.operations);
    const fields = schemaFields(operation);
    if (isHelp) return terminal.print(operationHelp(operation, fields, invocation));
    const { values, positionals } = parseArguments(splitJson(rest), [INPUT_FLAG, ...fields.map(({ flag }) => flag)], callCommand);
    if (positionals.length > 0)
      throw usageError(`The argument ${echo(positionals[0] ?? '')} belongs to no option; fields are given as --field value.`, callCommand);
    const client = await invocation.client(values);
    const answer = await ask(invocation, client, operation, { ...jsonInput(textFlag(values, 'input')), ...inputOf(fields, values) });
    await (isSet(values, 'json') ? terminal.printJson(answer) : terminal.print(renderValue(answer, viewOf(invocation))));
  },
};

/** The operation's name first, wherever it stands among options without values. */
function afterName(argv: readonly string[]): readonly string[] {
  const at = argv.findIndex((word, place) => !word.startsWith('-') && !isValue(argv[place - 1]));
  return at === -1 ? [] : [argv[at] ?? '', ...argv.slice(0, at), ...argv.slice(at + 1)];
}

const WITH_VALUE: ReadonlySet<string> = new Set(['--url', '--key', '--data-dir', '--timeout', '--input']);

function isValue(before: string | undefined): boolean {
  return before !== undefined && WITH_VALUE.has(before);
}

/** `--json '{…}'` is input and asks for the raw answer; `--json` alone only the latter. */
function splitJson(argv: readonly string[]): readonly string[] {
  return argv.flatMap((word, at) => {
    if (word.startsWith('--json=')) return ['--json', `--input=${word.slice('--json='.length)}`];
    if (argv[at - 1] === '--json' && word.trimStart().startsWith('{')) return [`--input=${word}`];
    return [word];
  });
}

function jsonInput(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Said below, in words that help.
  }
  throw new PolymniaError('invalid_input', 'The input must be a JSON object in single quotes, such as \'{"query":"…"}\'.');
}

async function ask(
  invocation: Invocation,
  client: RestClient,
  operation: OperationDeclaration,
  input: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  if (operation.lane !== 'bulk') return client.call(operation.name, input);
  using bar = new ProgressBar(invocation.terminal, invocation.deps.clock);
  return await client.callWithProgress(operation.name, input, (progress: Progress) => bar.show(progress));
}

function unknownOperation(name: string, operations: readonly OperationDeclaration[]): PolymniaError {
  const close = nearest(
    name.replaceAll('-', '_'),
    operations.map((operation) => operation.name),
  );
  const hint = close === undefined ? 'See "polymnia call" for all of them.' : `Did you mean "${close}"?`;
  return new PolymniaError('not_found', `There is no operation ${echo(name)}.`, { details: { hint } });
}

function listOperations({ deps, terminal: { palette } }: Invocation): string {
  const rows = deps.operations.map(({ name, title }): readonly [string, string] => [name, title]);
  return [`${palette.bold('Usage')}  polymnia call OPERATION [--field value …] [--json '{…}']`, '', rowList(rows, palette)].join('\n');
}

function operationHelp(operation: OperationDeclaration, fields: readonly SchemaField[], { terminal: { palette } }: Invocation): string {
  const flags = fields.map(({ flag, isRequired }) => ({
    ...flag,
    description: isRequired ? `Required. ${flag.description}`.trim() : flag.description,
  }));
  return [
    `${palette.bold(operation.name)}: ${operation.title}.`,
    operation.description,
    '',
    `${palette.bold('Usage')}  polymnia call ${operation.name} [--field value …] [--json '{…}']`,
    '',
    flagList([...flags, INPUT_FLAG], palette),
  ].join('\n');
}
