import { flushCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { PolymniaError } from '../../kernel/errors.ts';
import { failureToWire, type WireFailure } from '../../providers/processes/protocol.ts';
import { SegmentBuilder } from './segment-builder.ts';
import type { MakerOptions, SymbolFile, TextBatch } from './segment-maker.ts';

/** What is asked of an index thread; answered in the same order. */
export type IndexRequest =
  | { readonly kind: 'add_text'; readonly segment: string; readonly batch: TextBatch }
  | { readonly kind: 'seal_text' }
  | { readonly kind: 'make_symbols'; readonly segment: string; readonly files: readonly SymbolFile[] };

export type IndexAnswer =
  | { readonly kind: 'files'; readonly count: number }
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly failure: WireFailure };

/** Entry module of the threads that write segments. */
serve();

function serve(): void {
  const port = parentPort;
  if (port === null) throw new PolymniaError('internal', 'An index thread must run as a worker thread.');
  const answer = (message: IndexAnswer): void => port.postMessage(message);
  const builder = new SegmentBuilder(workerData as MakerOptions);
  // The thread is ended from outside, when Node keeps nothing any more.
  flushCompileCache();
  let last: Promise<void> = Promise.resolve();
  port.on('message', (request: IndexRequest) => {
    last = last.then(() => handle(builder, request, answer));
  });
}

async function handle(builder: SegmentBuilder, request: IndexRequest, answer: (message: IndexAnswer) => void): Promise<void> {
  try {
    answer({ kind: 'done', value: await run(builder, request, (count) => answer({ kind: 'files', count })) });
  } catch (error) {
    answer({ kind: 'failed', failure: failureToWire(error) });
  }
}

function run(builder: SegmentBuilder, request: IndexRequest, onFiles: (count: number) => void): Promise<unknown> {
  switch (request.kind) {
    case 'add_text':
      return builder.addText(request.segment, request.batch);
    case 'seal_text':
      return builder.sealText();
    case 'make_symbols':
      return builder.makeSymbols(request.segment, request.files, onFiles);
  }
}
