import type { SpaceKey } from '../../kernel/ids.ts';
import type { SpaceAccess, Upload } from '../../kernel/operation.ts';

/** Turns texts into vectors. Rejects with `upstream_failed` or the signal's reason; never with the text or a key in the message. */
export interface Embedder {
  /** Name of the model; vectors of different models are never compared. */
  readonly model: string;
  /** Length of a vector, once known. */
  readonly dimensions?: number | undefined;
  /** One vector per text, in the same order, all of one length. `details.status` of an error is the upstream's HTTP status, if it answered. */
  embed(texts: readonly string[], signal: AbortSignal): Promise<readonly Float32Array[]>;
}

/** Kinds of background work a space can have; `retention` and `turns` are those of its conversations. */
export const SPACE_WORK_KINDS = ['retention', 'expire', 'turns', 'vectors', 'scrub', 'reindex'] as const;
export type SpaceWorkKind = (typeof SPACE_WORK_KINDS)[number];

export interface SpaceWorkEntry {
  readonly space: SpaceKey;
  readonly kind: SpaceWorkKind;
  /** UTC ms. */
  readonly dueAt: number;
}

/**
 * Which spaces have background work, one row per `(space, kind)`. A row is durable before the first write that needs it, and
 * goes after the work, so no file is ever opened just to look. Shared by all nodes of one installation.
 */
export interface SpaceWork {
  /** Makes sure the row exists with a time no later than `dueAt` (UTC ms): of two marks the earlier time stays. Durable when resolved. */
  mark(space: SpaceKey, kind: SpaceWorkKind, dueAt: number): Promise<void>;
  /** Up to `limit` rows of the kind whose time has come, earliest first. */
  due(now: number, limit: number, kind: SpaceWorkKind): Promise<readonly SpaceWorkEntry[]>;
  /**
   * Removes the row if its time is still `dueAt`; with `nextDueAt` it is set to that time instead, in the same transaction.
   * A row with another time was marked anew and stays.
   */
  clear(space: SpaceKey, kind: SpaceWorkKind, dueAt: number, nextDueAt?: number): Promise<void>;
}

/** One line of a spooled import, without its line break. */
export type SpoolLine =
  | { readonly kind: 'line'; readonly text: string; readonly line: number; readonly endByte: number }
  /** Longer than the limit; its text was skipped, not held. */
  | { readonly kind: 'too_long'; readonly line: number; readonly endByte: number };

/** Where to go on reading: the byte after the last line taken, and that line's number (0 = from the start). */
export interface SpoolPosition {
  readonly byte: number;
  readonly line: number;
}

/** Bounded files that hold imports until their job has ended. */
export interface ImportSpool {
  /** Writes a whole body, durable when resolved. Rejects with `too_large` beyond `maxBytes`, keeping nothing. */
  write(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, maxBytes: number, signal: AbortSignal): Promise<Upload>;
  /** Lines in order, numbered from 1, split at `\n` (a `\r` before it goes too). Rejects with `not_found` when the file is gone. */
  lines(spoolId: string, from: SpoolPosition, maxLineBytes: number, signal: AbortSignal): AsyncIterable<SpoolLine>;
  /** Removes the files that are not in `keep`; only while no upload is under way. Number removed. */
  sweepOrphans(keep: ReadonlySet<string>): Promise<number>;
  /** Removes the file; no error when it is gone already. */
  remove(spoolId: string): Promise<void>;
}

/** What background work asks of identity: work without a request still has an account. */
export interface SpaceAuthority {
  /** The space and its payer; undefined when the space is gone. */
  account(space: SpaceKey): Promise<SpaceAccess | undefined>;
}
