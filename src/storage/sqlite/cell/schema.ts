import { CONVERSATION_TABLES } from './conversation/conversation-schema.ts';

/** Marks a file as a Polymnia cell (`PRAGMA application_id`, "PmnC"). */
export const CELL_APPLICATION_ID = 0x506d6e43;

/** Files of a newer major version are refused; within one, migrations only add. */
export const CELL_MAJOR = 1;

/**
 * The tables of one space, in numbered, append-only steps.
 *
 * - `memories`: large columns last, so that reading a small one never walks overflow pages. `id` is never used twice
 *   (autoincrement): vector marks below rest on that. `tags` is the record, `memory_tags` its index.
 * - Equality outside threads is the unique index over `content_hash`, which covers the type too.
 * - `memory_text` is contentless: the words as the tokeniser made them, never the text.
 * - `vector_models.done_to`: every memory up to that id has a vector of the model, except those in `vector_todo`.
 *   So storing a memory writes nothing about vectors, and what lacks one is found without a scan.
 * - `idempotency`: answers are JSON; those that hold a memory are found by its id, to go when it is deleted.
 */
export const CELL_MIGRATIONS: readonly { readonly version: number; readonly sql: string }[] = [
  {
    version: 1,
    sql: `
      create table meta (key text primary key, value any) strict, without rowid;

      create table memories (
        id integer primary key autoincrement,
        uuid blob not null unique,
        content_hash blob not null,
        type text not null,
        thread text,
        place integer,
        author text not null,
        occurred_at integer not null,
        created_at integer not null,
        updated_at integer not null,
        expires_at integer,
        version integer not null,
        bytes integer not null,
        import_id text,
        source_client text,
        source_origin text,
        tags text not null,
        metadata text not null,
        content text not null,
        check ((thread is null) = (place is null))
      ) strict;
      create unique index memories_equal on memories (content_hash) where thread is null;
      create unique index memories_place on memories (thread, place) where thread is not null;
      create index memories_time on memories (occurred_at, uuid);
      create index memories_type on memories (type, occurred_at, uuid);
      create index memories_expiry on memories (expires_at) where expires_at is not null;

      create table memory_tags (tag text not null, memory integer not null, primary key (tag, memory)) strict, without rowid;

      create table memory_versions (
        memory integer not null,
        version integer not null,
        bytes integer not null,
        replaced_at integer not null,
        replaced_by text not null,
        type text not null,
        tags text not null,
        metadata text not null,
        content text not null,
        unique (memory, version)
      ) strict;

      create virtual table memory_text using fts5 (content, tags, content = '', contentless_delete = 1, tokenize = 'ascii');

      create table vector_models (model text primary key, dimension integer not null, done_to integer not null, vectors integer not null) strict;
      create table vectors (memory integer not null, model text not null, dimension integer not null, vector blob not null, unique (model, memory)) strict;
      create table vector_todo (model text not null, memory integer not null, primary key (model, memory)) strict, without rowid;

      create table idempotency (
        user text not null,
        operation text not null,
        key text not null,
        input_hash text not null,
        answer text,
        created_at integer not null,
        memory text generated always as (case when json_valid(answer) then answer ->> '$.memory.uuid' end) virtual,
        primary key (user, operation, key)
      ) strict;
      create index idempotency_age on idempotency (created_at);
      create index idempotency_memory on idempotency (memory) where memory is not null;

      create table imports (
        import_id text primary key,
        user text not null,
        spool_id text not null,
        name text not null,
        status text not null,
        created integer not null,
        duplicates integer not null,
        bad_lines integer not null,
        bad text not null,
        next_byte integer not null,
        next_line integer not null,
        started_at integer not null,
        ended_at integer
      ) strict;
    `,
  },
  { version: 2, sql: CONVERSATION_TABLES },
];
