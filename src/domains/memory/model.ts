import { z } from 'zod';
import type { RecordKind } from '../../kernel/ids.ts';
import { shortList } from '../../kernel/short-list.ts';

/** Limits of one memory; every message that refuses names the one exceeded. */
export const MEMORY_LIMITS = {
  contentBytes: 64 * 1024,
  metadataBytes: 16 * 1024,
  tags: 32,
  tagLength: 128,
  typeLength: 64,
  threadLength: 256,
  /** Old versions kept on update; the oldest goes first. */
  versions: 20,
  /** Items of one `store_memories` call. */
  batch: 100,
  /** Results of one page or ranked answer. */
  page: 100,
  metadataDepth: 16,
  /** Metadata fields one filter may name. */
  metadataFilter: 16,
  originLength: 512,
  queryLength: 8192,
  /** Tags of one `list_tags` answer. */
  tagList: 1000,
  /** One line of an import: a memory with all its versions, every character escaped. */
  importLineBytes: 10 * 1024 * 1024,
  /** An import sent inside the call instead of as an upload. */
  importDataBytes: 1024 * 1024,
} as const;

export const MEMORY_KIND = 'mem' satisfies RecordKind;

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type Metadata = Readonly<Record<string, Json>>;

/** Who wrote a memory, through what. All of it is told by the outside: provenance, never authority. */
export interface MemorySource {
  /** Client name as it told us, e.g. `claude-code`. */
  readonly client?: string;
  /** Where the text came from, e.g. an import's name or a URL. */
  readonly origin?: string;
}

/** A memory to be stored, parsed and complete but for what the store decides (place, duplicates). Times are UTC ms. */
export interface NewMemory {
  /** 32 hex digits (UUIDv7), made by the caller of the store. */
  readonly uuid: string;
  readonly content: string;
  readonly type: string;
  readonly tags: readonly string[];
  readonly metadata: Metadata;
  readonly thread?: string;
  /** Place in the thread; absent = the next free one. Only with `thread`. */
  readonly place?: number;
  readonly source: MemorySource;
  readonly author: string;
  readonly occurredAt: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly expiresAt?: number;
  readonly version?: number;
  /** Import it came with; `forget_memories {importId}` takes it back. */
  readonly importId?: string;
  /** Earlier versions, oldest first: only imports of our own format carry them. */
  readonly history?: readonly MemoryVersion[];
}

/** An earlier state of a memory. */
export interface MemoryVersion {
  readonly version: number;
  readonly content: string;
  readonly type: string;
  readonly tags: readonly string[];
  readonly metadata: Metadata;
  /** When it was replaced. */
  readonly replacedAt: number;
  /** Who replaced it. */
  readonly replacedBy: string;
}

/** A memory as the store holds it. */
export interface StoredMemory extends NewMemory {
  readonly version: number;
}

/** What to look at. All given conditions must hold; they are applied before any cut. */
export interface MemoryFilter {
  readonly tagsAny?: readonly string[];
  readonly tagsAll?: readonly string[];
  readonly type?: string;
  readonly thread?: string;
  /** On `occurredAt`: inclusive. */
  readonly sinceMs?: number;
  /** On `occurredAt`: exclusive. */
  readonly untilMs?: number;
  /** Top-level metadata fields that must equal these scalars. */
  readonly metadata?: Readonly<Record<string, string | number | boolean | null>>;
  readonly importId?: string;
  /** Only memories written by this user. */
  readonly author?: string;
}

/** Position in a newest-first list: strictly after `(occurredAt, uuid)`. */
export interface ListPosition {
  readonly occurredAt: number;
  readonly uuid: string;
}

const tag = z
  .string()
  .overwrite((text) => text.toWellFormed())
  .trim()
  .min(1)
  .max(MEMORY_LIMITS.tagLength);

/** Entries a list of tags may have before its duplicates go, and characters the same list may have as one text. */
const MAX_RAW_TAGS = 2 * MEMORY_LIMITS.tags;
const MAX_TAGS_TEXT = 8192;

const anyTags = z
  .union([
    z.array(tag),
    z
      .string()
      .max(MAX_TAGS_TEXT)
      .transform((text) =>
        text
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== ''),
      ),
  ])
  .transform((tags) => [...new Set(tags)])
  .pipe(z.array(tag).max(MEMORY_LIMITS.tags));

/** Tags as an array or, as older clients send them, one comma-separated string. Duplicates go. */
export const tagsSchema = shortList(MAX_RAW_TAGS, anyTags);
