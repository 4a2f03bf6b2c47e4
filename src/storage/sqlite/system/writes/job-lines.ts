import { PolymniaError } from '../../../../kernel/errors.ts';
import type { Row } from '../../cell/cell.ts';
import { integer, text } from '../rows.ts';
import type { SystemFile } from '../open-system-file.ts';

/**
 * The line of jobs: counters and virtual times of users, groups and lanes (start-time fair queueing; Goyal, Vin, Cheng 1996). The
 * same rules as `kernel/virtual-time.ts` on its two levels, groups and the users of one, kept in rows, so that they hold over
 * nodes and restarts.
 */

/** Each charge forgets this share of the largest cost seen, so that one monster does not set the scale for ever. */
const SCALE_MEMORY = 0.995;

/** One user in one lane, and the group it shares in. */
export interface LinePlace {
  readonly user: string;
  readonly group: string;
  readonly lane: string;
}

/** How much of a lane is somebody's. */
interface Share {
  readonly weight: number;
  readonly maxRunning: number;
}

interface Change {
  readonly queued?: number;
  readonly ready?: number;
  readonly running?: number;
}

/** Virtual time charged for a run, to be settled when it has ended. */
interface Charge {
  readonly charged: number;
  readonly groupCharged: number;
}

const CHANGE = 'set queued = queued + ?, ready = ready + ?, running = running + ?';
const OF_LINE = 'where user = ? and lane = ?';
const OF_GROUP = 'where name = ? and lane = ?';
/** Whether one of the group's users has something to run and is below its cap. Of the group's row, as it is after a change of the user's. */
const ABLE = `able = exists (select 1 from job_lines u
  where u.lane = job_groups.lane and u.user_group = job_groups.name and u.ready > 0 and u.running < u.cap)`;

/** Makes sure that user and group have rows in the lane, with these shares. `service`: the group is one of many users. */
export function keepLine(file: SystemFile, { user, group, lane }: LinePlace, own: Share, service?: Share): void {
  const ofLine = `insert into job_lines (lane, user, user_group, virtual_time, turn, weight, cap) values (?, ?, ?, 0, 0, ?, ?)
    on conflict do update set weight = excluded.weight, cap = excluded.cap where weight <> excluded.weight or cap <> excluded.cap`;
  file.run(ofLine, lane, user, group, own.weight, own.maxRunning);
  // A service's own jobs leave it the share of a service.
  const ofGroup = `insert into job_groups (lane, name, shared, virtual_time, turn, weight, cap) values (?, ?, ?, 0, 0, ?, ?)
    on conflict do update set weight = excluded.weight, cap = excluded.cap, shared = excluded.shared
    where excluded.shared >= shared and (weight <> excluded.weight or cap <> excluded.cap or shared <> excluded.shared)`;
  const { weight, maxRunning } = service ?? own;
  file.run(ofGroup, lane, group, service === undefined ? 0 : 1, weight, maxRunning);
}

/** Counts jobs in or out. What becomes ready is woken before, see {@link addReady}. */
export function count(file: SystemFile, { user, group, lane }: LinePlace, { queued = 0, ready = 0, running = 0 }: Change): void {
  file.run(`update job_lines ${CHANGE} ${OF_LINE}`, queued, ready, running, user, lane);
  file.run(`update job_groups ${CHANGE}, ${ABLE} ${OF_GROUP}`, queued, ready, running, group, lane);
  file.run(`update job_lanes ${CHANGE} where lane = ?`, queued, ready, running, lane);
}

/** Counts a job whose time has come; `queued` is 1 when it was not counted as queued before. */
export function addReady(file: SystemFile, place: LinePlace, queued: 0 | 1): void {
  wakeUser(file, place);
  wakeGroup(file, place);
  count(file, place, { queued, ready: 1 });
}

/** Who comes from idle starts at the time of its level, or that of the least active there, or at the own, whichever is latest. */
function wakeUser(file: SystemFile, { user, group, lane }: LinePlace): void {
  const line = known(file.get(`select virtual_time, ready + running as active from job_lines ${OF_LINE}`, user, lane));
  if (integer(line, 'active') > 0) return;
  const start = Math.max(Number(line['virtual_time']), usersTime(file, group, lane));
  file.run(`update job_lines set virtual_time = ?, turn = ? ${OF_LINE}`, start, nextTurn(file, lane), user, lane);
  file.run(`update job_groups set users_highest = max(users_highest, ?) ${OF_GROUP}`, start, group, lane);
}

function wakeGroup(file: SystemFile, { group, lane }: LinePlace): void {
  const row = groupRow(file, group, lane);
  if (integer(row, 'ready') + integer(row, 'running') > 0) return;
  const start = Math.max(Number(row['virtual_time']), laneTime(file, lane));
  file.run(`update job_groups set virtual_time = ?, turn = ? ${OF_GROUP}`, start, nextTurn(file, lane), group, lane);
  file.run('update job_lanes set highest = max(highest, ?) where lane = ?', start, lane);
}

function usersTime(file: SystemFile, group: string, lane: string): number {
  const row = groupRow(file, group, lane);
  if (integer(row, 'ready') + integer(row, 'running') === 0) {
    file.run(`update job_groups set users_time = users_highest ${OF_GROUP}`, group, lane);
    return Number(row['users_highest']);
  }
  const sql = 'select virtual_time from job_lines where lane = ? and user_group = ? and ready + running > 0 order by virtual_time limit 1';
  return Math.max(Number(row['users_time']), Number(file.get(sql, lane, group)?.['virtual_time'] ?? 0));
}

function laneTime(file: SystemFile, lane: string): number {
  const row = laneRow(file, lane);
  if (integer(row, 'ready') + integer(row, 'running') === 0) {
    file.run('update job_lanes set virtual_time = highest where lane = ?', lane);
    return Number(row['highest']);
  }
  const sql = 'select virtual_time from job_groups where lane = ? and ready + running > 0 order by virtual_time limit 1';
  return Math.max(Number(row['virtual_time']), Number(file.get(sql, lane)?.['virtual_time'] ?? 0));
}

function nextTurn(file: SystemFile, lane: string): number {
  file.run('update job_lanes set turn = turn + 1 where lane = ?', lane);
  return integer(laneRow(file, lane), 'turn');
}

/** Mode, counters and times of a lane. */
export function laneRow(file: SystemFile, lane: string): Row {
  return known(file.get('select mode, virtual_time, highest, largest_cost, turn, running, queued, ready from job_lanes where lane = ?', lane));
}

function groupRow(file: SystemFile, group: string, lane: string): Row {
  const columns = 'virtual_time, weight, cap, running, ready, users_time, users_highest, users_largest_cost';
  return known(file.get(`select ${columns} from job_groups ${OF_GROUP}`, group, lane));
}

function known(row: Row | undefined): Row {
  if (row === undefined) throw new PolymniaError('internal', 'A line of jobs has lost its row.');
  return row;
}

/** The user whose turn it is, of the group whose turn it is; undefined when nobody may run. */
export function nextInLine(file: SystemFile, lane: string): LinePlace | undefined {
  const group = file.get('select name from job_groups where lane = ? and able = 1 and running < cap order by virtual_time, turn limit 1', lane);
  if (group === undefined) return undefined;
  const name = text(group, 'name');
  const ofGroup = `select user from job_lines
    where lane = ? and user_group = ? and ready > 0 and running < cap order by virtual_time, turn limit 1`;
  return { lane, group: name, user: text(known(file.get(ofGroup, lane, name)), 'user') };
}

/**
 * User and group are served: both pay the estimate, and move the time of their level to the own start. Who was held at the cap has
 * fallen behind, and catches up a bounded part of that only. Answers with what was charged.
 */
export function charge(file: SystemFile, place: LinePlace, estimate: number): Charge {
  const turn = nextTurn(file, place.lane);
  const charges = { charged: chargeUser(file, place, estimate, turn), groupCharged: chargeGroup(file, place, estimate, turn) };
  count(file, place, { queued: -1, ready: -1, running: 1 });
  return charges;
}

function chargeUser(file: SystemFile, { user, group, lane }: LinePlace, estimate: number, turn: number): number {
  const { users_time: time, users_largest_cost: largest } = groupRow(file, group, lane);
  const line = known(file.get(`select virtual_time, weight, cap from job_lines ${OF_LINE}`, user, lane));
  const served = serve(line, Number(time), Number(largest), estimate);
  file.run(`update job_lines set virtual_time = ?, turn = ? ${OF_LINE}`, served.end, turn, user, lane);
  const ofLevel = `update job_groups set users_time = max(users_time, ?), users_highest = max(users_highest, ?), users_largest_cost = ? ${OF_GROUP}`;
  file.run(ofLevel, served.start, served.end, served.scale, group, lane);
  return served.end - served.start;
}

function chargeGroup(file: SystemFile, { group, lane }: LinePlace, estimate: number, turn: number): number {
  const { virtual_time: time, largest_cost: largest } = laneRow(file, lane);
  const served = serve(groupRow(file, group, lane), Number(time), Number(largest), estimate);
  file.run(`update job_groups set virtual_time = ?, turn = ? ${OF_GROUP}`, served.end, turn, group, lane);
  const ofLevel = 'update job_lanes set virtual_time = max(virtual_time, ?), highest = max(highest, ?), largest_cost = ? where lane = ?';
  file.run(ofLevel, served.start, served.end, served.scale, lane);
  return served.end - served.start;
}

/** Where in virtual time a service of this cost begins and ends, by the times of the one that is served and its level. */
function serve(row: Row, time: number, largest: number, estimate: number): { start: number; end: number; scale: number } {
  const weight = Number(row['weight']);
  const scale = Math.max(estimate, largest * SCALE_MEMORY);
  const start = Math.max(Number(row['virtual_time']), time - (scale * Number(row['cap'])) / weight);
  return { start, end: start + estimate / weight, scale };
}

/** A run has ended: user and group pay, or get back, what their charge was wrong by. */
export function settle(file: SystemFile, { user, group, lane, charged, groupCharged }: LinePlace & Charge, cost: number): void {
  const correct = 'set virtual_time = virtual_time + ? / weight - ?';
  file.run(`update job_lines ${correct} ${OF_LINE}`, cost, charged, user, lane);
  file.run(`update job_groups ${correct} ${OF_GROUP}`, cost, groupCharged, group, lane);
  const line = known(file.get(`select virtual_time from job_lines ${OF_LINE}`, user, lane));
  const ofUsers = `update job_groups set users_highest = max(users_highest, ?), users_largest_cost = max(users_largest_cost, ?) ${OF_GROUP}`;
  file.run(ofUsers, Number(line['virtual_time']), cost, group, lane);
  const ofLane = 'update job_lanes set highest = max(highest, ?), largest_cost = max(largest_cost, ?) where lane = ?';
  file.run(ofLane, Number(groupRow(file, group, lane)['virtual_time']), cost, lane);
}

/**
 * Takes out those who would start where they stand without their rows: idle groups the lane has reached with their users, and users
 * the rest of their service has reached. At most `limit` of each.
 */
export function forgetReached(file: SystemFile, lane: string, limit: number): void {
  const time = Number(laneRow(file, lane)['virtual_time']);
  const idle = 'g.lane = ? and g.queued + g.running = 0 and g.virtual_time <= ?';
  const lines = `delete from job_lines where (user, lane) in (select u.user, u.lane from job_groups g
    join job_lines u on u.lane = g.lane and u.user_group = g.name and u.queued + u.running = 0 where ${idle} limit ?)`;
  file.run(lines, lane, time, limit);
  const groups = `delete from job_groups where (name, lane) in (select g.name, g.lane from job_groups g
    where ${idle} and not exists (select 1 from job_lines u where u.lane = g.lane and u.user_group = g.name and u.queued + u.running = 0) limit ?)`;
  file.run(groups, lane, time, limit);
  const ofShared = `delete from job_lines where (user, lane) in (select u.user, u.lane from job_groups g
    join job_lines u on u.lane = g.lane and u.user_group = g.name and u.queued + u.running = 0 and u.virtual_time <= g.users_time
    where g.lane = ? and g.shared = 1 limit ?)`;
  file.run(ofShared, lane, limit);
}
