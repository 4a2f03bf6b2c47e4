/**
 * The tables of conversations, a step of the cell's schema.
 *
 * - A turn is one row: the user's text and the answer to it, large columns last. `number` counts within its conversation.
 * - `client_key` is the client's own name for a conversation; the empty one is the author's standing conversation.
 * - Nothing of a `temporary` conversation is remembered; it keeps the end it was made with.
 * - `history` tells how the conversation had gone when the turn ended, for clients that send it whole each time.
 * - `token_use` counts by days since 1970.
 */
export const CONVERSATION_TABLES = `
  create table conversations (
    id integer primary key autoincrement,
    uuid blob not null unique,
    author text not null,
    client_key text,
    created_at integer not null,
    last_at integer not null,
    expires_at integer,
    temporary integer not null,
    turns integer not null,
    title text not null
  ) strict;
  create unique index conversations_key on conversations (author, client_key) where client_key is not null;
  create index conversations_last on conversations (last_at, uuid);
  create index conversations_expiry on conversations (expires_at) where expires_at is not null;

  create table turns (
    id integer primary key autoincrement,
    uuid blob not null unique,
    conversation integer not null,
    number integer not null,
    state text not null,
    author text not null,
    owner text,
    lease_until integer,
    created_at integer not null,
    started_at integer,
    ended_at integer,
    model text,
    finish_reason text,
    input_tokens integer not null default 0,
    output_tokens integer not null default 0,
    history text,
    bytes integer not null,
    error text,
    recalled text not null default '[]',
    steps text not null default '[]',
    user_text text not null,
    answer text not null default '',
    unique (conversation, number)
  ) strict;
  create index turns_open on turns (lease_until) where lease_until is not null;
  create index turns_history on turns (history) where history is not null;

  create table token_use (author text not null, day integer not null, tokens integer not null, primary key (author, day)) strict, without rowid;
`;
