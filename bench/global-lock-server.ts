/**
 * The product with one difference: all operations of all users pass one lock, one at a time. What most memory servers do,
 * for the bench that shows what it costs. Takes the arguments of `polymnia serve`.
 */
import { destination } from 'pino';
import { createPinoLogger } from '../src/app/pino-logger.ts';
import { startServer } from '../src/app/server.ts';
import { listenForStop } from '../src/app/signals.ts';
import { loadSettings } from '../src/config/settings.ts';
import type { BoundOperation } from '../src/kernel/operation.ts';

let last: Promise<unknown> = Promise.resolve();

function behindTheLock(operation: BoundOperation): BoundOperation {
  return {
    ...operation,
    run(input, ctx) {
      const turn = last.then(() => {
        // Who gave up while waiting does not hold the lock.
        ctx.signal.throwIfAborted();
        return operation.run(input, ctx);
      });
      last = turn.catch(() => {});
      return turn;
    },
  };
}

using stop = listenForStop();
const settings = loadSettings({ env: process.env, flags: process.argv.slice(3) });
await using _server = await startServer(settings, createPinoLogger('error', destination(2)), { wrapOperation: behindTheLock });
if (!stop.first.aborted) await new Promise((resolve) => stop.first.addEventListener('abort', resolve, { once: true }));
