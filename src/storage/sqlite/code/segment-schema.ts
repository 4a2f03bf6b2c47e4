import { SYMBOL_KINDS } from '../../../domains/code/model.ts';
import { WHOLE_SIGNATURE } from './short-signature.ts';

/**
 * A repository's index on disk: `repos/<uuid>/<generation>/`, written once, then only read (opened immutable).
 *
 * - `manifest.db`: the live files of the generation, and the segments they lie in.
 * - `<segment>.text.db`: contents and document trigrams. `<segment>.symbols.db`: definitions, references, chunks and their terms.
 *
 * A segment's files are hard links into the generation that first made them. A file that changed or went has no row in the manifest
 * any more; its rows in the segment are dead and are left out by every reader. `local` counts a segment's files from 0. Postings are the
 * encodings of `domains/code/index/postings.ts`: `trigram.postings` holds locals, `term.postings` chunk ids with their weights.
 *
 * A file once written never changes. Between `text_ready` and the end of a sync `manifest.db` is replaced by a new one of the same name
 * (renamed over it): who opened the first goes on reading it, and opens the second when the stage published says `complete`. Before that
 * a new segment has no `symbols.db` (`segment.has_symbols` = 0).
 */

/** `user_version` of the three kinds of files; a newer one is not opened. */
export const SEGMENT_VERSION = 2;

/** Bits of `file.flags`. */
export const FILE_FLAGS = { generated: 1, test: 2, minified: 4, vendored: 8 } as const;

/**
 * `meta`: `index_version`, `tree_id`, `commit`, `generation`, `stage`, `report` (a `SyncReport` as JSON) and what shaped the index.
 * `segment`: what lies in its files, dead rows included; `terms` is the sum of `chunk.terms`. `file.bytes`: as the source has it.
 * `skipped.blob`: only where the content was the reason.
 */
export const MANIFEST_SCHEMA = `
  create table meta (key text primary key, value text not null) strict, without rowid;
  create table segment (
    id integer primary key,
    name text not null unique,
    files integer not null,
    bytes integer not null,
    chunks integer not null,
    terms integer not null,
    has_symbols integer not null
  ) strict;
  create table file (
    id integer primary key,
    path text not null unique,
    segment integer not null,
    local integer not null,
    blob text not null,
    bytes integer not null,
    lines integer not null,
    language text not null,
    flags integer not null,
    stat text,
    symbols integer not null,
    chunks integer not null,
    not_parsed text,
    unique (segment, local)
  ) strict;
  create table skipped (path text primary key, reason text not null, blob text, stat text) strict, without rowid;
`;

/** Contents are packed together up to so many bytes: small files alike pack better. A longer one is a block of its own. */
export const CONTENT_BLOCK_BYTES = 64 * 1024;

/** A content is `bytes` from `start` of what its block unpacks to: always well-formed UTF-8, whatever the encoding of the file. */
export const TEXT_SEGMENT_SCHEMA = `
  create table content (local integer primary key, block integer not null, start integer not null, bytes integer not null) strict;
  create table block (id integer primary key, bytes integer not null, zstd blob not null) strict;
  create table trigram (code integer primary key, postings blob not null) strict;
`;

const KIND_CASES = SYMBOL_KINDS.map((kind, number) => `when ${number} then '${kind}'`).join(' ');

/**
 * Without its index, which is made after the rows. `symbol.name_key` is the name in lower case, kept only where SQLite's
 * `lower`, which knows ASCII alone, makes another; `kind` is kept as its place in `SYMBOL_KINDS`. Symbols and chunks of a file have
 * ids without gaps, rising in the order of their lines: `parse` says where they begin and how many they are. `reference` and `term` are
 * what is asked: a used name is kept once, and long postings are packed (`term.bytes` is then what `zstd` unpacks to, else 0) and cut
 * into parts, since the tail of an overflow page is lost space.
 */
export const SYMBOL_SEGMENT_SCHEMA = `
  create table symbol (
    id integer primary key,
    local integer not null,
    name text not null,
    other_key text,
    name_key text generated always as (coalesce(other_key, lower(name))) virtual,
    kind_number integer not null,
    kind text generated always as (case kind_number ${KIND_CASES} end) virtual,
    line integer not null,
    span integer not null,
    end_line integer generated always as (line + span) virtual,
    container text not null,
    short text not null,
    signature text generated always as (${WHOLE_SIGNATURE}) virtual,
    cyclomatic integer,
    cognitive integer,
    nesting integer,
    parameters integer
  ) strict;
  create table used_name (name text primary key, id integer not null) strict, without rowid;
  create table use (name integer not null, local integer not null, n integer not null, primary key (name, local)) strict, without rowid;
  create view reference (name, local, n) as select used_name.name, use.local, use.n from used_name join use on use.name = used_name.id;
  create table chunk (
    id integer primary key,
    local integer not null,
    line integer not null,
    span integer not null,
    end_line integer generated always as (line + span) virtual,
    terms integer not null,
    symbol integer
  ) strict;
  create table term_part (
    word text not null,
    part integer not null,
    bytes integer not null,
    postings blob not null,
    primary key (word, part)
  ) strict, without rowid;
  create view term (term, bytes, postings) as
    select word, bytes, cast(postings || coalesce(
      (select group_concat(more.postings, '' order by more.part) from term_part more where more.word = first.word and more.part > 0), ''
    ) as blob) from term_part first where part = 0;
  create table import (local integer not null, target text not null, primary key (local, target)) strict, without rowid;
  create table parse (
    local integer primary key,
    method text not null,
    has_errors integer not null,
    not_parsed text,
    first_symbol integer not null,
    symbols integer not null,
    first_chunk integer not null,
    chunks integer not null
  ) strict;
`;

export const SYMBOL_SEGMENT_INDEX = 'create index symbol_key on symbol (name_key)';

/** Condition of a row of `symbol`: that it is of the file whose local number is asked for. */
export const SYMBOL_OF_FILE = `id >= (select first_symbol from parse where local = ?1)
  and id < (select first_symbol + symbols from parse where local = ?1)`;
