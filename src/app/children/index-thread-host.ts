import { Worker } from 'node:worker_threads';
import { compileCacheEnv } from '../../kernel/runtime/compile-cache.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import { failureFromWire } from '../../providers/processes/protocol.ts';
import type { IndexAnswer, IndexRequest } from './index-thread.ts';
import type { MakerOptions, SegmentMaker, SymbolFile, SymbolsMade, TextBatch, TextOutcome } from './segment-maker.ts';

const ENTRY = new URL(`./index-thread.${import.meta.filename.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
/** A thread that needs more heap dies, and the sync fails; the text of its segment is not in the heap. */
const HEAP_LIMITS = { maxYoungGenerationSizeMb: 24, maxOldGenerationSizeMb: 768 };

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: PolymniaError) => void;
  readonly onFiles: (count: number) => void;
}

/** Makes segments in a thread, which starts with the first call, and again after it has outgrown itself. */
export class IndexThreadHost implements SegmentMaker {
  readonly #options: MakerOptions;
  readonly #waiting: Waiting[] = [];
  #worker: Worker | undefined;
  /** Set once a thread has ended unasked: what it held of a segment is lost. */
  #death: PolymniaError | undefined;

  constructor(options: MakerOptions) {
    this.#options = options;
  }

  addText(segment: string, batch: TextBatch): Promise<readonly TextOutcome[]> {
    return this.#ask({ kind: 'add_text', segment, batch }, [batch.bytes]) as Promise<readonly TextOutcome[]>;
  }

  async sealText(): Promise<void> {
    if (this.#worker !== undefined) await this.#ask({ kind: 'seal_text' });
  }

  async makeSymbols(segment: string, files: readonly SymbolFile[], onFiles: (count: number) => void): Promise<SymbolsMade> {
    const made = (await this.#ask({ kind: 'make_symbols', segment, files }, [], onFiles)) as SymbolsMade;
    if (made.isOvergrown) await this[Symbol.asyncDispose]();
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #ask(request: IndexRequest, transfer: ArrayBuffer[] = [], onFiles: Waiting['onFiles'] = () => {}): Promise<unknown> {
    if (this.#death !== undefined) return Promise.reject(this.#death);
    this.#worker ??= this.#start();
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject, onFiles });
      worker.postMessage(request, transfer);
    });
  }

  #start(): Worker {
    const worker = new Worker(ENTRY, {
      workerData: this.#options,
      name: 'code index',
      execArgv: [],
      env: compileCacheEnv(),
      resourceLimits: HEAP_LIMITS,
    });
    let cause: unknown;
    worker.on('message', (answer: IndexAnswer) => this.#receive(answer));
    worker.on('error', (error) => (cause = error));
    worker.on('exit', () => this.#onExit(worker, cause));
    return worker;
  }

  #receive(answer: IndexAnswer): void {
    if (answer.kind === 'files') return this.#waiting[0]?.onFiles(answer.count);
    const waiting = this.#waiting.shift();
    if (answer.kind === 'done') waiting?.resolve(answer.value);
    else waiting?.reject(failureFromWire(answer.failure));
  }

  #onExit(worker: Worker, cause: unknown): void {
    const failure = new PolymniaError('internal', 'A thread of the code index ended before its work was done.', { cause });
    if (this.#worker === worker) this.#death = failure;
    for (const { reject } of this.#waiting.splice(0)) reject(failure);
  }
}
