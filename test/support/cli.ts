import { PassThrough, Readable } from 'node:stream';
import { operations } from '../../src/app/operations.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { CliHooks } from '../../src/surfaces/cli/cli-deps.ts';
import { runCli } from '../../src/surfaces/cli/run-cli.ts';

/** What one command wrote, and how it ended. */
export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const NOT_HERE = (): never => {
  throw new Error('this command is not for a client of a running server');
};
const hooks: CliHooks = {
  serve: NOT_HERE,
  spawnServer: NOT_HERE,
  restore: NOT_HERE,
  inspectOffline: NOT_HERE,
  checkModels: NOT_HERE,
  checkRedis: NOT_HERE,
};

/** Runs one command of the command line as a client of the server at `url`. */
export async function runCommand(server: { readonly url: string; readonly key: string }, argv: readonly string[], input = ''): Promise<CliResult> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const [out, err] = [collect(stdout), collect(stderr)];
  const exitCode = await runCli({
    argv,
    env: { POLYMNIA_URL: server.url, POLYMNIA_KEY: server.key },
    cwd: '/',
    stdin: Readable.from([input]),
    stdout,
    stderr,
    isTty: false,
    signal: new AbortController().signal,
    clock: systemClock,
    version: '0.0.0',
    nodeVersion: process.version,
    operations,
    hooks,
  });
  stdout.end();
  stderr.end();
  return { exitCode, stdout: await out, stderr: await err };
}

async function collect(stream: PassThrough): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}
