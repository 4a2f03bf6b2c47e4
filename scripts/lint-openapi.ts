/** Lints the generated OpenAPI document with two foreign linters, fetched from the npm registry at these versions. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { operations } from '../src/app/operations.ts';
import { openApiDocument } from '../src/surfaces/http/openapi.ts';

const LINTERS = [
  { package: '@redocly/cli@2.77.0', command: ['redocly', 'lint', '--extends=recommended', '--max-problems=20', 'openapi.json'] },
  { package: '@stoplight/spectral-cli@6.16.0', command: ['spectral', 'lint', '--fail-severity=warn', 'openapi.json'] },
] as const;

async function run(folder: string, linter: (typeof LINTERS)[number]): Promise<boolean> {
  const child = spawn('npm', ['exec', '--yes', `--package=${linter.package}`, '--', ...linter.command], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    signal: AbortSignal.timeout(300_000),
  });
  return new Promise((resolve, reject) => child.once('error', reject).once('close', (code) => resolve(code === 0)));
}

const folder = await mkdtemp(join(tmpdir(), 'polymnia-openapi-'));
try {
  const document = openApiDocument(operations, '0.0.0');
  await writeFile(join(folder, 'openapi.json'), JSON.stringify(document, undefined, 2));
  await writeFile(join(folder, '.spectral.yaml'), 'extends: ["spectral:oas"]\n');
  for (const linter of LINTERS) if (!(await run(folder, linter))) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
