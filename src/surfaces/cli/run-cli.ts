import { ERROR_TABLE, PolymniaError, toPolymniaError } from '../../kernel/errors.ts';
import { echo, findCommand, isSet, parseArguments, textFlag } from './arguments.ts';
import type { CliDeps } from './cli-deps.ts';
import type { Command, FlagValues, Invocation } from './command.ts';
import { serveCommand } from './commands/serve.ts';
import { findServer } from './find-server.ts';
import { commandHelp, generalHelp, groupHelp } from './help.ts';
import { formatDuration } from './human-values.ts';
import { createRestClient, DEFAULT_TIMEOUT_MS, type RestClient } from './rest-client.ts';
import { serverChoice } from './server-choice.ts';
import { nearest } from './suggest.ts';
import { Terminal } from './terminal.ts';
import { safeLine } from './terminal-text.ts';

/**
 * Runs one command of the command line to its end and resolves with the exit code: 0, or that of the error table. Never
 * rejects, never ends the process, reads nothing but what it is given.
 */
export async function runCli(deps: CliDeps): Promise<number> {
  using terminal = new Terminal(deps);
  const isJson = deps.argv.includes('--json');
  try {
    return await dispatch(deps, terminal);
  } catch (error) {
    return reportFailure(toCliError(error, terminal), terminal, isJson);
  }
}

async function dispatch(deps: CliDeps, terminal: Terminal): Promise<number> {
  const commands = await commandsFor(deps);
  const argv = deps.argv[0] === '--version' || deps.argv[0] === '-V' ? ['version'] : deps.argv;
  const { command, rest } = findCommand(argv, commands);
  if (command === undefined) return withoutCommand(rest, commands, terminal);
  if (wantsHelp(command, rest)) {
    await terminal.print(commandHelp(command, deps.operations, terminal.palette));
    return 0;
  }
  return (await command.run(invocationOf(deps, terminal, command, commands, rest))) ?? 0;
}

/** A server runs for long and needs no other command: it starts without their weight. */
async function commandsFor({ argv, operations }: CliDeps): Promise<readonly Command[]> {
  if (argv[0] === 'serve') return [serveCommand];
  const { commandTable } = await import('./command-table.ts');
  return commandTable(operations);
}

function wantsHelp(command: Command, rest: readonly string[]): boolean {
  const end = rest.indexOf('--');
  const options = end === -1 ? rest : rest.slice(0, end);
  return command.needsOwnHelp !== true && (options.includes('--help') || options.includes('-h'));
}

/** Help for no word, or for the first word of commands with two; else a suggestion. */
async function withoutCommand(rest: readonly string[], commands: readonly Command[], terminal: Terminal): Promise<number> {
  const words = rest.filter((word) => !word.startsWith('-'));
  const [first = '', second] = words;
  const siblings = commands.filter(({ words: own }) => own.length > 1 && own[0] === first);
  if (words.length === 0) {
    const unknown = rest.find((word) => !['--help', '-h', '--json'].includes(word));
    if (unknown !== undefined)
      throw new PolymniaError('invalid_input', `There is no option ${echo(unknown)} before a command.`, { details: { hint: HINT } });
    await terminal.print(generalHelp(commands, terminal.palette));
    return 0;
  }
  if (siblings.length > 0 && second === undefined) {
    await terminal.print(groupHelp(siblings, terminal.palette));
    return 0;
  }
  const typed = siblings.length > 0 ? `${first} ${second}` : first;
  const choices =
    siblings.length > 0 ? siblings.map((command) => command.words.join(' ')) : [...new Set(commands.map(({ words: own }) => own[0] ?? ''))];
  const close = nearest(typed, choices);
  throw new PolymniaError('invalid_input', `There is no command ${echo(typed)}${close === undefined ? '.' : `; did you mean "${close}"?`}`, {
    details: { hint: HINT },
  });
}

const HINT = 'See "polymnia help".';

function invocationOf(deps: CliDeps, terminal: Terminal, command: Command, commands: readonly Command[], argv: readonly string[]): Invocation {
  const parsed = command.parsesItself === true ? { values: {}, positionals: [] } : parseArguments(argv, command.flags(deps.operations), command);
  const { values, positionals } = parsed;
  let client: Promise<RestClient> | undefined;
  return {
    deps,
    terminal,
    command,
    commands,
    argv,
    positionals,
    values,
    isJson: isSet(values, 'json'),
    client: (own) => (client ??= clientOf(deps, terminal, own ?? values)),
  };
}

async function clientOf(deps: CliDeps, terminal: Terminal, values: FlagValues): Promise<RestClient> {
  const target = await findServer(serverChoice(values), deps);
  return createRestClient(target, {
    operations: deps.operations,
    clock: deps.clock,
    signal: terminal.signal,
    timeoutMs: timeoutOf(values),
    clientName: `polymnia-cli/${deps.version}`,
  });
}

const MAX_TIMEOUT_S = 86_400;

function timeoutOf(values: FlagValues): number {
  const text = textFlag(values, 'timeout');
  if (text === undefined) return DEFAULT_TIMEOUT_MS;
  const seconds = Number(text);
  if (seconds > 0 && seconds <= MAX_TIMEOUT_S) return seconds * 1000;
  throw new PolymniaError('invalid_input', `--timeout is ${echo(text)}, but must be a number of seconds above 0 and at most ${MAX_TIMEOUT_S}.`);
}

/** What stops a run outranks what broke because of it. */
function toCliError(error: unknown, terminal: Terminal): PolymniaError {
  if (terminal.signal.aborted && terminal.signal.reason instanceof PolymniaError) return terminal.signal.reason;
  if (error instanceof PolymniaError) return error;
  const code = error instanceof Error && 'code' in error && 'syscall' in error ? String(error.code) : undefined;
  if (code === undefined || !(error instanceof Error)) return toPolymniaError(error);
  const path = 'path' in error ? ` (${safeLine(String(error.path))})` : '';
  return new PolymniaError(
    code === 'ENOENT' ? 'not_found' : 'storage_unavailable',
    `${SYSTEM_ERRORS[code] ?? `The system refused with ${code}`}${path}.`,
    {
      cause: error,
      details: { hint: 'Check the path and the rights to it.' },
    },
  );
}

const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'There is no such file or folder',
  EACCES: 'This user may not do that',
  EPERM: 'This user may not do that',
  EEXIST: 'There is such a file already',
  EISDIR: 'A folder stands where a file is needed',
  ENOTDIR: 'A file stands where a folder is needed',
  ENOSPC: 'The disk is full',
  EROFS: 'The disk is mounted read-only',
};

/** A command line sends no headers by hand. */
const SEND_KEY = 'Set POLYMNIA_KEY, or --key, to a key that is valid.';

/** Does the message already tell what to do? What this program found itself does, and so does what the server says of an input. */
function saysAll({ code, details }: PolymniaError): boolean {
  return details?.['requestId'] === undefined || code === 'invalid_input' || code === 'conflict';
}

function reportFailure(error: PolymniaError, terminal: Terminal, isJson: boolean): number {
  const row = ERROR_TABLE[error.code];
  // Nobody is left to read why; a pipe that closes early is how "head" works.
  if (terminal.isBroken) return row.exitCode;
  const { hint, ...details } = error.details ?? {};
  if (isJson) {
    terminal.note(safeLine(JSON.stringify({ code: error.code, message: error.message, ...error.details })));
    return row.exitCode;
  }
  const { errorPalette: palette } = terminal;
  const wait = error.retryAfterMs === undefined ? '' : ` Try again in ${formatDuration(error.retryAfterMs)}.`;
  const requestId = error.code === 'internal' && typeof details['requestId'] === 'string' ? ` (${safeLine(details['requestId'])})` : '';
  terminal.note(`${palette.bad('✗')} ${safeLine(error.message)}${requestId}`);
  const advice = typeof hint === 'string' ? safeLine(hint) : saysAll(error) ? '' : error.code === 'unauthenticated' ? SEND_KEY : row.remedy;
  if (error.code !== 'cancelled' && advice + wait !== '') terminal.note(`  ${palette.dim((advice + wait).trim())}`);
  return row.exitCode;
}
