/**
 * Jobs and their line.
 *
 * - `jobs`: `ready` says of a queued job that its time had come when last looked at; only such jobs are in the line. What a claim,
 *   a heartbeat and a finish look for stands in partial indexes, so that they cost the same whatever else is stored.
 * - `job_bodies`: input and result apart, so that a heartbeat does not write them again.
 * - `job_lanes`: one row per lane; `job_groups`: one per lane and group, a group being a service with its users or a user without
 *   one; `job_lines`: one per lane and user. Their counters change in the transaction of the jobs they count; `turn` breaks
 *   ties of the virtual time by who was served or came back least recently. `able` says of a group that one of its users
 *   could run something, `shared` that a service's user has a line in it; its `users_…` columns are the level of its users,
 *   as the columns of those names are the lane's level of groups.
 * - `schedule_slots`: one row per slot that was taken.
 */
export const JOB_TABLES = `
  create table jobs (
    seq integer primary key,
    id text not null unique,
    user text not null,
    user_group text not null,
    space_id text not null,
    space_key text not null,
    operation text not null,
    lane text not null references job_lanes (lane),
    subject text,
    priority integer not null check (priority between 1 and 4),
    state text not null check (state in ('queued', 'running', 'succeeded', 'partial', 'failed', 'cancelled')),
    ready integer not null check (ready in (0, 1) and (ready = 0 or state = 'queued')),
    attempt integer not null default 0,
    asked_attempts integer not null,
    max_attempts integer not null,
    crashes integer not null default 0,
    losses integer not null default 0,
    estimate real not null check (estimate >= 0),
    charged real not null default 0,
    group_charged real not null default 0,
    cost real not null default 0,
    unique_key text,
    idempotency_key text,
    background integer not null check (background in (0, 1)),
    origin text not null,
    upload text,
    created_at integer not null,
    run_at integer not null,
    started_at integer,
    finished_at integer,
    lease_until integer,
    progress text,
    error text,
    cancel_reason text,
    unwatched_since integer,
    check ((lease_until is not null) = (state = 'running')),
    check ((finished_at is not null) = (state not in ('queued', 'running')))
  ) strict;
  create index jobs_line on jobs (user, lane, priority, created_at, id) where ready = 1;
  create index jobs_waiting on jobs (lane, ready, run_at) where state = 'queued';
  create index jobs_leases on jobs (lease_until) where lease_until is not null;
  create unique index jobs_unique on jobs (space_id, operation, unique_key) where unique_key is not null and finished_at is null;
  create unique index jobs_idempotency on jobs (user, operation, idempotency_key) where idempotency_key is not null;
  create index jobs_rate on jobs (user, lane, created_at) where state in ('queued', 'running', 'succeeded', 'partial');
  create index jobs_group_rate on jobs (user_group, lane, created_at)
    where user_group <> user and state in ('queued', 'running', 'succeeded', 'partial');
  create index jobs_unwatched on jobs (unwatched_since) where unwatched_since is not null;
  create index jobs_finished on jobs (finished_at) where finished_at is not null;
  create index jobs_of_user on jobs (user, created_at, id, state, operation, lane, subject, space_id);
  create index jobs_of_space on jobs (space_id, created_at, id, state, operation, lane, subject, user);
  create index jobs_by_state on jobs (state, created_at, id, operation, lane, subject);

  create table job_bodies (seq integer primary key references jobs (seq), input text not null, result text) strict;

  create table job_lines (
    lane text not null references job_lanes (lane),
    user text not null,
    user_group text not null,
    virtual_time real not null,
    turn integer not null,
    weight real not null check (weight > 0),
    cap integer not null,
    running integer not null default 0 check (running >= 0),
    queued integer not null default 0 check (queued >= 0),
    ready integer not null default 0 check (ready between 0 and queued),
    primary key (user, lane)
  ) strict, without rowid;
  create index job_lines_eligible on job_lines (lane, user_group, virtual_time, turn) where ready > 0 and running < cap;
  create index job_lines_active on job_lines (lane, user_group, virtual_time) where ready + running > 0;
  create index job_lines_idle on job_lines (lane, user_group, virtual_time) where queued + running = 0;

  create table job_groups (
    lane text not null references job_lanes (lane),
    name text not null,
    shared integer not null check (shared in (0, 1)),
    virtual_time real not null,
    turn integer not null,
    weight real not null check (weight > 0),
    cap integer not null,
    running integer not null default 0 check (running >= 0),
    queued integer not null default 0 check (queued >= 0),
    ready integer not null default 0 check (ready between 0 and queued),
    able integer not null default 0 check (able in (0, 1)),
    users_time real not null default 0,
    users_highest real not null default 0,
    users_largest_cost real not null default 0,
    primary key (name, lane)
  ) strict, without rowid;
  create index job_groups_eligible on job_groups (lane, virtual_time, turn) where able = 1 and running < cap;
  create index job_groups_active on job_groups (lane, virtual_time) where ready + running > 0;
  create index job_groups_idle on job_groups (lane, virtual_time) where queued + running = 0;
  create index job_groups_shared on job_groups (lane) where shared = 1;

  create table job_lanes (
    lane text primary key,
    mode text not null default 'open' check (mode in ('open', 'paused', 'draining')),
    virtual_time real not null default 0,
    highest real not null default 0,
    largest_cost real not null default 0,
    turn integer not null default 0,
    running integer not null default 0 check (running >= 0),
    queued integer not null default 0 check (queued >= 0),
    ready integer not null default 0 check (ready between 0 and queued)
  ) strict, without rowid;
  insert into job_lanes (lane) values ('bulk'), ('sync'), ('batch');

  create table schedules (
    name text primary key,
    pattern text not null,
    paused integer not null default 0 check (paused in (0, 1)),
    last_slot integer,
    last_run_at integer,
    last_outcome text
  ) strict, without rowid;

  create table schedule_slots (
    seq integer primary key,
    name text not null references schedules (name),
    slot integer not null,
    taken_at integer not null,
    unique (name, slot)
  ) strict;
`;
