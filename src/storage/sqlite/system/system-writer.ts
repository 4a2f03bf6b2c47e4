import { parentPort, workerData } from 'node:worker_threads';
import { commitTogether, type PendingWrite } from './group-commit.ts';
import { openSystemWriter, type SystemFile } from './open-system-file.ts';
import { writeFailureOf } from './write-failure.ts';
import type { FromWriter, ToWriter, WriterData } from './writer-protocol.ts';
import { SYSTEM_WRITES } from './writes/system-writes.ts';

/** Entry of the thread that alone writes `system.db`. It imports neither zod nor a domain's door. */

/** Writes committed by one fsync. */
const MAX_BATCH = 100;

function serve(): void {
  const port = parentPort;
  if (port === null) throw new Error('the system writer must run as a worker thread');
  const send = (message: FromWriter): void => port.postMessage(message);
  try {
    const file = openSystemWriter((workerData as WriterData).file);
    listen(file, send);
    send({ kind: 'ready' });
  } catch (error) {
    send({ kind: 'refused', failure: writeFailureOf(error) });
    port.close();
  }
}

/** Messages that have arrived are taken together; what arrives during a commit waits for the next one. */
function listen(file: SystemFile, send: (message: FromWriter) => void): void {
  const waiting: PendingWrite[] = [];
  let scheduled = false;
  const flush = (): void => {
    scheduled = false;
    send({ kind: 'done', outcomes: commitTogether(file, waiting.splice(0, MAX_BATCH)) });
    if (waiting.length > 0) schedule();
  };
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  };
  parentPort?.on('message', (message: ToWriter) => {
    if (message.kind === 'stop') {
      while (waiting.length > 0) flush();
      close(file);
      return;
    }
    const write = SYSTEM_WRITES[message.name] as (opened: SystemFile, args: unknown) => unknown;
    waiting.push({ id: message.id, run: (opened) => write(opened, message.args) });
    schedule();
  });
}

function close(file: SystemFile): void {
  try {
    file.db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch {
    // A full or failing disk: what is committed stays in the log, which the next start reads.
  }
  file.db.close();
  parentPort?.close();
}

serve();
