import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import { PolymniaError, systemCode } from '../../../kernel/errors.ts';
import { problemError } from '../answers.ts';
import { isSet, usageError } from '../arguments.ts';
import type { Command, Flag, Invocation } from '../command.ts';
import { formatBytes, plural } from '../human-values.ts';
import { ProgressBar } from '../progress-bar.ts';
import { readLines } from '../read-input.ts';
import { inputOf, schemaFields } from '../schema-fields.ts';
import { safeJson, safeLine } from '../terminal-text.ts';

const OPERATION = 'export_memories';
const FORCE: Flag = { name: 'force', type: 'boolean', description: 'Replace FILE if it exists.' };
/** Paging is for pages; a stream has none. */
const HIDDEN: ReadonlySet<string> = new Set(['limit', 'cursor']);
/** A memory with all its versions, every character escaped, and some air. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;

/** Takes lines one after the other; `finish` makes what was taken final. */
interface Sink extends AsyncDisposable {
  write(line: string): Promise<void>;
  finish(): Promise<void>;
}

/** `polymnia export`: all memories of a space as JSON Lines, to a file that appears only when it is whole, or to standard output. */
export const exportCommand: Command = {
  words: ['export'],
  group: 'Moving data',
  summary: 'Write memories as JSON Lines to a file or standard output',
  usage: '[FILE]',
  needs: [OPERATION],
  takesPath: true,
  notes: ['FILE appears when it is complete, readable by you alone. Read page by page, so it is no snapshot.'],
  flags: (operations) => [
    ...operations
      .filter(({ name }) => name === OPERATION)
      .flatMap((operation) =>
        schemaFields(operation)
          .filter(({ name }) => !HIDDEN.has(name))
          .map(({ flag }) => flag),
      ),
    FORCE,
  ],
  async run(invocation) {
    const { deps, terminal, positionals, values } = invocation;
    if (positionals.length > 1) throw usageError('"export" takes one file.', exportCommand);
    const [file] = positionals;
    const fields = deps.operations.filter(({ name }) => name === OPERATION).flatMap(schemaFields);
    const client = await invocation.client();
    const path = file === undefined || file === '-' ? undefined : resolve(deps.cwd, file);
    await using sink = path === undefined ? stdoutSink(invocation) : await FileSink.open(path, isSet(values, 'force'));
    const { memories, bytes } = await copyLines(client.lines(OPERATION, inputOf(fields, values)), sink, invocation);
    await sink.finish();
    if (path === undefined) return;
    if (invocation.isJson) return terminal.printJson({ file: path, memories, bytes });
    await terminal.print(
      `${terminal.palette.good('Exported')} ${plural(memories, 'memory', 'memories')} (${formatBytes(bytes)}) to ${safeLine(path)}`,
    );
  },
};

/** Copies an export to its end line; anything else at the end means that it was cut off. */
async function copyLines(
  chunks: AsyncIterable<Uint8Array>,
  sink: Sink,
  { terminal, deps }: Invocation,
): Promise<{ readonly memories: number; readonly bytes: number }> {
  using bar = new ProgressBar(terminal, deps.clock);
  let bytes = 0;
  let last = '';
  let lines = 0;
  for await (const { text } of readLines(chunks, MAX_LINE_BYTES)) {
    if (text === undefined) throw new PolymniaError('too_large', `A line of the export is longer than ${MAX_LINE_BYTES} bytes.`);
    if (text.startsWith('{"error":')) throw lineError(text);
    await sink.write(`${text}\n`);
    bytes += Buffer.byteLength(text) + 1;
    lines += 1;
    last = text;
    bar.show({ phase: 'exporting', done: Math.max(0, lines - 1), unit: 'memories' });
  }
  const end = parseEnd(last);
  if (end === undefined) throw new PolymniaError('upstream_failed', 'The export broke off before its end; what came of it is not kept as a file.');
  return { memories: end, bytes };
}

function lineError(text: string): PolymniaError {
  const value: unknown = JSON.parse(text);
  const inner = typeof value === 'object' && value !== null && 'error' in value ? value.error : undefined;
  return problemError(inner) ?? new PolymniaError('upstream_failed', 'The export failed without saying why.');
}

function parseEnd(text: string): number | undefined {
  if (!text.startsWith('{"polymnia":"end"')) return undefined;
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null && 'memories' in value && typeof value.memories === 'number' ? value.memories : undefined;
}

function stdoutSink({ terminal }: Invocation): Sink {
  return {
    write: (line) => terminal.write(terminal.isTty ? safeJson(line) : line),
    finish: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Writes `FILE.part` and renames it at the end; whatever goes wrong before leaves nothing behind. */
class FileSink implements Sink {
  readonly #path: string;
  readonly #handle: FileHandle;
  #pending: string[] = [];
  #size = 0;
  #isOpen = true;
  #isKept = false;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  static async open(path: string, force: boolean): Promise<FileSink> {
    if (!force && (await exists(path))) {
      throw new PolymniaError('conflict', `${path} exists already.`, { details: { hint: 'Choose another file, or give --force to replace it.' } });
    }
    await rm(`${path}.part`, { force: true });
    return new FileSink(path, await open(`${path}.part`, 'wx', 0o600));
  }

  async write(line: string): Promise<void> {
    this.#pending.push(line);
    this.#size += line.length;
    if (this.#size >= WRITE_CHARACTERS) await this.#flush();
  }

  async finish(): Promise<void> {
    await this.#flush();
    await this.#handle.sync();
    await this.#close();
    await rename(`${this.#path}.part`, this.#path);
    this.#isKept = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    if (!this.#isKept) await rm(`${this.#path}.part`, { force: true });
  }

  async #flush(): Promise<void> {
    const text = this.#pending.join('');
    this.#pending = [];
    this.#size = 0;
    if (text !== '') await this.#handle.writeFile(text);
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#handle.close();
  }
}

/** Lines are written together up to this size. */
const WRITE_CHARACTERS = 256 * 1024;

async function exists(path: string): Promise<boolean> {
  try {
    await (await open(path, 'r')).close();
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}
