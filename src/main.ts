import { serve } from './app/serve.ts';
import { listenForStop } from './app/signals.ts';

using stop = listenForStop();
const io = { stdout: process.stdout, stderr: process.stderr, isTty: process.stdout.isTTY, signal: stop.first };
process.exitCode = await serve(process.argv.slice(3), io, { env: process.env, cwd: process.cwd(), now: stop.second });
