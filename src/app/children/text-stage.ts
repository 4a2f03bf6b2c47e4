import { PolymniaError } from '../../kernel/errors.ts';
import type { IndexSegment } from '../../domains/code/index/index-state.ts';
import { languageById } from '../../domains/code/languages/all-languages.ts';
import { languageOf } from '../../domains/code/languages/language-of.ts';
import type { SourceEntry } from '../../domains/code/ports.ts';
import type { SegmentMaker, SymbolFile, TextOutcome } from './segment-maker.ts';

/** A batch goes to a maker when it holds so much. */
const BATCH_BYTES = 1024 * 1024;
const BATCH_FILES = 256;
/** Batches a maker has not answered yet. */
const MAX_UNANSWERED = 3;
/** Source of one segment: what its postings and words take in memory grows with it. */
const SEGMENT_BYTES = 64 * 1024 * 1024;
/** A text that is not parsed costs about so much of one that is. */
const PLAIN_TEXT_COST = 0.3;

/** A file whose bytes are there, and whether it is new or comes out of an older segment. */
export interface ArrivedFile {
  readonly entry: SourceEntry;
  readonly bytes: Uint8Array;
}

/** Told of each file once its text is in a segment, or is known to be none. */
export interface TextSink {
  taken(entry: SourceEntry, segment: number, outcome: TextOutcome): void;
}

export interface TextSegment {
  readonly summary: IndexSegment;
  readonly files: SymbolFile[];
}

interface Lane {
  readonly maker: SegmentMaker;
  readonly unanswered: Set<Promise<void>>;
  segment: OpenSegment | undefined;
  cost: number;
}

interface OpenSegment {
  readonly id: number;
  readonly name: string;
  readonly files: SymbolFile[];
  /** Of the files in it, and of those handed over but not yet answered for. */
  bytes: number;
  indexedBytes: number;
}

/** Hands files to makers in batches so that all get about the same work, and begins new segments when one is full. */
export class TextStage {
  readonly #lanes: readonly Lane[];
  readonly #sink: TextSink;
  readonly #nameOf: (id: number) => string;
  readonly #finished: OpenSegment[] = [];
  #nextSegment: number;
  #batch: ArrivedFile[] = [];
  #batchBytes = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(makers: readonly SegmentMaker[], sink: TextSink, first: { readonly segment: number; readonly nameOf: (id: number) => string }) {
    this.#lanes = makers.map((maker) => ({ maker, unanswered: new Set(), segment: undefined, cost: 0 }));
    this.#sink = sink;
    this.#nextSegment = first.segment;
    this.#nameOf = first.nameOf;
  }

  /** Takes a copy. Waits while the maker whose turn it is has enough to do. */
  async add(file: ArrivedFile): Promise<void> {
    if (this.#batchBytes + file.bytes.length > BATCH_BYTES || this.#batch.length >= BATCH_FILES) await this.#flush();
    this.#batch.push(file);
    this.#batchBytes += file.bytes.length;
  }

  /** Closes all segments. Empty ones are none. */
  async finish(): Promise<readonly TextSegment[]> {
    await this.#flush();
    await Promise.all(this.#lanes.map((lane) => this.#seal(lane)));
    return this.#finished.filter(({ files }) => files.length > 0).map(finished);
  }

  async #flush(): Promise<void> {
    const files = this.#batch;
    const bytes = this.#batchBytes;
    if (files.length === 0) return;
    this.#throwFailure();
    this.#batch = [];
    this.#batchBytes = 0;
    const lane = await this.#nextLane();
    if (lane.segment !== undefined && lane.segment.bytes + bytes > SEGMENT_BYTES) await this.#seal(lane);
    lane.segment ??= this.#newSegment();
    lane.segment.bytes += bytes;
    lane.cost += costOf(files);
    this.#hand(lane, lane.segment, files, bytes);
  }

  /** The one that has been given least, once it can take more: what it writes text for it will also parse. */
  async #nextLane(): Promise<Lane> {
    const lane = this.#lanes.toSorted((a, b) => a.cost - b.cost)[0];
    if (lane === undefined) throw new PolymniaError('internal', 'A sync needs at least one thread.');
    while (lane.unanswered.size >= MAX_UNANSWERED) await Promise.race(lane.unanswered);
    return lane;
  }

  #hand(lane: Lane, segment: OpenSegment, files: readonly ArrivedFile[], bytes: number): void {
    const settled = this.#index(lane, segment, files, bytes).finally(() => lane.unanswered.delete(settled));
    settled.catch((error: unknown) => (this.#failure ??= { error }));
    lane.unanswered.add(settled);
  }

  async #index(lane: Lane, segment: OpenSegment, files: readonly ArrivedFile[], bytes: number): Promise<void> {
    const outcomes = await lane.maker.addText(segment.name, packed(files, bytes));
    for (const [at, { entry }] of files.entries()) this.#take(segment, entry, outcomes[at]);
  }

  /** A batch fails while others are on their way: it is told with the next one, or at the end. */
  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #take(segment: OpenSegment, entry: SourceEntry, outcome: TextOutcome | undefined): void {
    if (outcome === undefined) return;
    if (outcome.kind === 'indexed') {
      segment.files.push({ local: outcome.local, path: entry.path, language: outcome.language });
      segment.indexedBytes += entry.bytes;
    }
    this.#sink.taken(entry, segment.id, outcome);
  }

  async #seal(lane: Lane): Promise<void> {
    if (lane.segment === undefined) return;
    await Promise.all(lane.unanswered);
    this.#throwFailure();
    await lane.maker.sealText();
    this.#finished.push(lane.segment);
    lane.segment = undefined;
  }

  #newSegment(): OpenSegment {
    const id = this.#nextSegment++;
    return { id, name: this.#nameOf(id), files: [], bytes: 0, indexedBytes: 0 };
  }
}

function costOf(files: readonly ArrivedFile[]): number {
  return files.reduce((sum, { entry, bytes }) => sum + bytes.length * (isParsed(entry.path) ? 1 : PLAIN_TEXT_COST), 0);
}

const NO_BYTES = new Uint8Array(0);

function isParsed(path: string): boolean {
  return languageById(languageOf(path, NO_BYTES))?.grammar !== undefined;
}

function packed(files: readonly ArrivedFile[], total: number): { paths: string[]; ends: number[]; bytes: ArrayBuffer } {
  const buffer = new Uint8Array(total);
  const ends: number[] = [];
  let end = 0;
  for (const { bytes } of files) {
    buffer.set(bytes, end);
    end += bytes.length;
    ends.push(end);
  }
  return { paths: files.map(({ entry }) => entry.path), ends, bytes: buffer.buffer };
}

function finished({ id, name, files, indexedBytes }: OpenSegment): TextSegment {
  return { files, summary: { id, name, files: files.length, bytes: indexedBytes, chunks: 0, terms: 0, hasSymbols: false } };
}
