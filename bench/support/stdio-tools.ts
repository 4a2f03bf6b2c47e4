import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const CALL_LIMIT_MS = 120_000;

interface Answer {
  readonly result?: { readonly isError?: boolean; readonly content?: readonly { readonly text?: string }[] };
  readonly error?: { readonly message: string };
}

/** An MCP server started over stdio, and its one client. */
export class StdioTools implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #id = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error('the server has no output');
    createInterface({ input: child.stdout }).on('line', (line) => this.#take(line));
  }

  static async open(program: string, env: Readonly<Record<string, string>>): Promise<StdioTools> {
    const child = spawn(process.execPath, [program], { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'ignore'] });
    const tools = new StdioTools(child);
    const clientInfo = { name: 'bench', version: '1' };
    await tools.#ask('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
    tools.#write({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return tools;
  }

  /** Calls a tool; its text. Rejects when the tool says that it failed. */
  async call(name: string, input: object): Promise<string> {
    const { result, error } = await this.#ask('tools/call', { name, arguments: input });
    const text = result?.content?.[0]?.text ?? '';
    if (error !== undefined || result?.isError === true) throw new Error(error?.message ?? text);
    return text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  #ask(method: string, params: object): Promise<Answer> {
    const id = ++this.#id;
    this.#write({ jsonrpc: '2.0', id, method, params });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method} was not answered in ${CALL_LIMIT_MS / 1000} s`)), CALL_LIMIT_MS);
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  }

  #write(message: object): void {
    this.#child.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  #take(line: string): void {
    const message = JSON.parse(line) as Answer & { readonly id?: number };
    if (message.id === undefined) return;
    this.#waiting.get(message.id)?.(message);
    this.#waiting.delete(message.id);
  }
}
