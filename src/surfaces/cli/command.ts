import type { OperationDeclaration } from '../../kernel/operation.ts';
import type { CliDeps } from './cli-deps.ts';
import type { RestClient } from './rest-client.ts';
import type { Terminal } from './terminal.ts';

/** One option of a command, as parsing, help and completion need it. */
export interface Flag {
  /** Without the dashes, e.g. `tags-any`. */
  readonly name: string;
  readonly short?: string;
  readonly type: 'string' | 'boolean';
  /** May be given several times. */
  readonly multiple?: boolean;
  /** What stands for the value in help, e.g. `TEXT`. */
  readonly placeholder?: string;
  readonly description: string;
  readonly choices?: readonly string[];
}

/** Values of flags as given, by flag name. */
export type FlagValues = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

export const COMMAND_GROUPS = ['Server', 'Memory', 'Chat', 'Code', 'Jobs', 'Moving data', 'People', 'More'] as const;
export type CommandGroup = (typeof COMMAND_GROUPS)[number];

/** One command of the table: everything help, completion and dispatch know about it. */
export interface Command {
  /** The words that call it, e.g. `['user', 'create']`. */
  readonly words: readonly string[];
  readonly group: CommandGroup;
  readonly summary: string;
  /** Arguments in help, after the words, e.g. `NAME`. */
  readonly usage?: string;
  /** Further lines of its help. */
  readonly notes?: readonly string[];
  /** Its own flags, beside the global ones. */
  flags(operations: readonly OperationDeclaration[]): readonly Flag[];
  /** Operations it needs; where the registry lacks one, the command is not offered. */
  readonly needs?: readonly string[];
  /** Reads its arguments itself: nothing but `--help` is taken from them before, and `flags` serve completion only. */
  readonly parsesItself?: boolean;
  /** Answers `--help` itself, since what it shows depends on its arguments. */
  readonly needsOwnHelp?: boolean;
  /** Fixed words its first argument may be, for completion. */
  choices?(operations: readonly OperationDeclaration[], commands: readonly Command[]): readonly string[];
  /** Its first argument is a file or folder, for completion. */
  readonly takesPath?: boolean;
  /** Resolves with an exit code; nothing = 0. */
  run(invocation: Invocation): Promise<number | void>;
}

/** One run of a command. */
export interface Invocation {
  readonly deps: CliDeps;
  readonly terminal: Terminal;
  readonly command: Command;
  /** Commands that exist in this run. */
  readonly commands: readonly Command[];
  /** The arguments after the command's words, unparsed. */
  readonly argv: readonly string[];
  readonly positionals: readonly string[];
  readonly values: FlagValues;
  /** Print the raw answer. */
  readonly isJson: boolean;
  /** A client of the running server, found at the first call. Commands that parse themselves say which flags they found. */
  client(values?: FlagValues): Promise<RestClient>;
}

/** Options every command takes. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  { name: 'json', type: 'boolean', description: 'Print the raw answer.' },
  { name: 'data-dir', type: 'string', placeholder: 'DIR', description: 'Data folder of the server to talk to.' },
  { name: 'url', type: 'string', placeholder: 'URL', description: 'Server to talk to (POLYMNIA_URL).' },
  { name: 'key', type: 'string', placeholder: 'KEY', description: 'API key (better POLYMNIA_KEY: other users see arguments).' },
  { name: 'timeout', type: 'string', placeholder: 'SECONDS', description: 'Give up a plain call after this time. Default 60.' },
  { name: 'help', short: 'h', type: 'boolean', description: 'Show help.' },
];
