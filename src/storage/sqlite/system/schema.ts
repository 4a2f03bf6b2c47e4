import { JOB_TABLES } from './job-schema.ts';

/** Marks a file as a Polymnia system file (`PRAGMA application_id`, "PmnS"). */
export const SYSTEM_APPLICATION_ID = 0x506d6e53;

/** Files of a newer major version are refused; within one, migrations only add. */
export const SYSTEM_MAJOR = 1;

/**
 * The tables of `system.db`, in numbered, append-only steps.
 *
 * - `users`: `deleted` rows are tombstones. Names are unique among people only: a user that a service named lives in that
 *   service's namespace, and no external id can collide with a name or an id. `active_at`: last call or job, within a minute.
 * - `spaces`: one personal space per payer. A space with `deleted_at` is hidden from everyone; its row goes with its file.
 *   `conversation_retention` in ms; null = as long as the server keeps conversations.
 * - `keys`: only the SHA-256 of a secret.
 * - `intents`: deletions whose files may still be there.
 * - `space_work`: which spaces have background work.
 * - `storage_usage`: last known totals per payer; may be stale after a crash.
 * - jobs and schedules: see `job-schema.ts`.
 * - `repositories`: one row says which generation of a code index is read; `analyses`: what was made of it; `analysis_edges`: the graph
 *   of one, in blocks, found by number or by the name they end with.
 */
export const SYSTEM_MIGRATIONS: readonly { readonly version: number; readonly sql: string }[] = [
  {
    version: 1,
    sql: `
      create table users (
        id text primary key,
        name text not null,
        name_key text not null,
        role text not null check (role in ('admin', 'member')),
        status text not null check (status in ('active', 'disabled', 'deleted')),
        time_zone text not null,
        weight real not null check (weight > 0),
        limits text not null,
        created_at integer not null,
        deleted_at integer,
        service_id text references users (id),
        external_id text,
        check ((service_id is null) = (external_id is null))
      ) strict, without rowid;
      create unique index users_name on users (name_key) where service_id is null and status <> 'deleted';
      create unique index users_external on users (service_id, external_id) where service_id is not null;
      create index users_people on users (created_at, id) where service_id is null and status <> 'deleted';
      create index users_of_service on users (service_id, created_at, id) where service_id is not null;
      create index users_admins on users (created_at, id) where role = 'admin' and status = 'active';

      create table spaces (
        id text primary key,
        key text not null unique,
        name text not null,
        kind text not null check (kind in ('personal', 'shared')),
        payer text not null references users (id),
        created_at integer not null,
        deleted_at integer
      ) strict, without rowid;
      create unique index spaces_personal on spaces (payer) where kind = 'personal';
      create index spaces_payer on spaces (payer);
      create index spaces_shared on spaces (created_at, id) where kind = 'shared' and deleted_at is null;

      create table members (
        space text not null references spaces (id),
        user text not null references users (id),
        role text not null check (role in ('reader', 'editor', 'owner')),
        since integer not null,
        primary key (space, user)
      ) strict, without rowid;
      create index members_user on members (user, space);
      create index members_since on members (space, since, user);
      create index members_owner on members (space) where role = 'owner';

      create table keys (
        id text primary key,
        user text not null references users (id),
        name text not null,
        hash text not null unique,
        scopes text not null,
        spaces text,
        expires_at integer,
        created_at integer not null,
        created_by text not null,
        last_used_at integer,
        revoked_at integer
      ) strict, without rowid;
      create index keys_user on keys (user, created_at, id);

      create table audit (
        id integer primary key autoincrement,
        at integer not null,
        actor text not null,
        credential text not null,
        action text not null,
        subject text not null,
        facts text not null
      ) strict;
      create index audit_actor on audit (actor, id);
      create index audit_subject on audit (subject, id);

      create table intents (id text primary key, kind text not null, payload text not null, created_at integer not null) strict, without rowid;
      create index intents_age on intents (kind, created_at, id);

      create table settings (key text primary key, value text not null) strict, without rowid;

      create table space_work (
        space text not null,
        kind text not null,
        due_at integer not null,
        primary key (space, kind)
      ) strict, without rowid;
      create index space_work_due on space_work (kind, due_at, space);

      create table storage_usage (payer text primary key references users (id), bytes integer not null) strict, without rowid;
    `,
  },
  { version: 2, sql: JOB_TABLES },
  {
    version: 3,
    sql: `
      create table repositories (
        uuid text primary key,
        space text not null,
        name text not null,
        name_key text not null,
        source text not null,
        created_by text not null,
        created_at integer not null,
        last_generation integer not null default 0,
        generation integer,
        published text,
        index_bytes integer not null default 0,
        last_result text,
        last_synced_at integer,
        check ((generation is null) = (published is null))
      ) strict, without rowid;
      create unique index repositories_name on repositories (space, name_key);

      create table analyses (
        repository text not null references repositories (uuid) on delete cascade,
        id text not null,
        generation integer not null,
        tree_id text not null,
        started_at integer not null,
        finished_at integer,
        phases text not null,
        complete integer not null check (complete in (0, 1)),
        primary key (repository, id)
      ) strict, without rowid;
    `,
  },
  {
    version: 4,
    sql: `
      alter table users add column active_at integer not null default 0;
      update users set active_at = max(
        created_at,
        coalesce((select max(k.last_used_at) from keys k where k.user in (users.id, users.service_id)), 0)
      );
      create index users_idle on users (active_at, id) where status <> 'deleted';
    `,
  },
  { version: 5, sql: 'alter table spaces add column conversation_retention integer check (conversation_retention > 0)' },
  {
    version: 6,
    sql: `
      create table analysis_edges (
        repository text not null,
        analysis text not null,
        direction text not null check (direction in ('out', 'in')),
        number integer not null,
        last_name blob not null,
        edges blob not null,
        primary key (repository, analysis, direction, number),
        foreign key (repository, analysis) references analyses (repository, id) on delete cascade
      ) strict;
      create index analysis_edges_name on analysis_edges (repository, analysis, direction, last_name, number);
    `,
  },
];
