import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { PolymniaError } from '../../kernel/errors.ts';
import { type Command, type Flag, type FlagValues, GLOBAL_FLAGS } from './command.ts';
import { safeLine } from './terminal-text.ts';
import { nearest } from './suggest.ts';

/** What was given, taken apart. */
export interface ParsedArguments {
  readonly values: FlagValues;
  readonly positionals: readonly string[];
}

/** Longest part of an argument a message repeats. */
const MAX_ECHO = 64;

/** A word of the user's, fit for a message. */
export function echo(word: string): string {
  return `"${safeLine(word.slice(0, MAX_ECHO))}"`;
}

/** An error of usage: what is wrong, and how the command is asked for help. */
export function usageError(message: string, command?: Command): PolymniaError {
  const words = command === undefined ? 'help' : `${command.words.join(' ')} --help`;
  return new PolymniaError('invalid_input', message, { details: { hint: `See "polymnia ${words}".` } });
}

/** Reads flags and positionals. Unknown flags are refused with the nearest known one. */
export function parseArguments(argv: readonly string[], flags: readonly Flag[], command: Command): ParsedArguments {
  const known = [...flags, ...GLOBAL_FLAGS];
  const options = Object.fromEntries(known.map((flag) => [flag.name, toOption(flag)]));
  const { values, positionals, tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    allowNegative: true,
    tokens: true,
  });
  for (const token of tokens) if (token.kind === 'option') check(token, known, command);
  return { values, positionals };
}

function toOption(flag: Flag): ParseArgsOptionsConfig[string] {
  return { type: flag.type, ...(flag.short === undefined ? {} : { short: flag.short }), ...(flag.multiple === true ? { multiple: true } : {}) };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function check(token: OptionToken, known: readonly Flag[], command: Command): void {
  const flag = known.find(({ name, type }) => name === token.name || (type === 'boolean' && `no-${name}` === token.name));
  if (flag === undefined) {
    const names = known.map(({ name }) => `--${name}`);
    const close = nearest(token.rawName, names);
    throw usageError(`There is no option ${echo(token.rawName)}${close === undefined ? '.' : `; did you mean ${close}?`}`, command);
  }
  if (flag.type === 'string' && token.value === undefined) throw usageError(`The option --${flag.name} needs a value.`, command);
  if (flag.type === 'string' && token.inlineValue === false && /^--[a-z]/.test(token.value ?? '')) {
    throw usageError(`The option --${flag.name} needs a value; if it begins with "--", write --${flag.name}=VALUE.`, command);
  }
  if (flag.type === 'boolean' && token.value !== undefined) throw usageError(`The option --${flag.name} takes no value.`, command);
}

/** Splits arguments into the command's words with everything else, wherever global options stand before them. */
export function findCommand(
  argv: readonly string[],
  commands: readonly Command[],
): { readonly command: Command | undefined; readonly rest: readonly string[] } {
  const places = wordPlaces(argv);
  const words = places.map((place) => argv[place] ?? '');
  const fitting = commands.filter((command) => command.words.every((word, at) => words[at] === word));
  const command = fitting.toSorted((a, b) => b.words.length - a.words.length)[0];
  const taken = new Set(places.slice(0, command?.words.length ?? 0));
  return { command, rest: argv.filter((_, at) => !taken.has(at)) };
}

/** Longest command in words. */
const MAX_WORDS = 2;

/** Places of the first words that are neither options nor values of global options. */
function wordPlaces(argv: readonly string[]): readonly number[] {
  const withValue = new Set(GLOBAL_FLAGS.filter(({ type }) => type === 'string').map(({ name }) => `--${name}`));
  const places: number[] = [];
  for (let at = 0; at < argv.length && places.length < MAX_WORDS; at++) {
    const word = argv[at] ?? '';
    if (word === '--') break;
    if (withValue.has(word)) at += 1;
    else if (word.startsWith('-') && word !== '-') {
      if (places.length > 0) break;
    } else places.push(at);
  }
  return places;
}

/** A flag's text, if given. */
export function textFlag(values: FlagValues, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

/** A flag that is set or not. */
export function isSet(values: FlagValues, name: string): boolean {
  return values[name] === true;
}
