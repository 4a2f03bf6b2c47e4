import type { SystemFile } from '../open-system-file.ts';

/** Slots of a schedule that are remembered. */
const KEPT_SLOTS = 100;

export function putSchedule(file: SystemFile, { name, pattern }: { name: string; pattern: string }): void {
  file.run('insert into schedules (name, pattern) values (?, ?) on conflict do update set pattern = excluded.pattern', name, pattern);
}

export function setSchedulePaused(file: SystemFile, { name, paused }: { name: string; paused: boolean }): boolean {
  return file.run('update schedules set paused = ? where name = ?', paused ? 1 : 0, name) === 1;
}

export function takeSlot(file: SystemFile, { name, slot, now }: { name: string; slot: number; now: number }): boolean {
  const take = `insert into schedule_slots (name, slot, taken_at) select s.name, cast(? as integer), cast(? as integer) from schedules s where s.name = ?
    on conflict do nothing`;
  if (file.run(take, slot, now, name) === 0) return false;
  file.run('update schedules set last_slot = ? where name = ?', slot, name);
  const forget = `delete from schedule_slots where name = ? and seq not in (
    select seq from schedule_slots where name = ? order by seq desc limit ${KEPT_SLOTS})`;
  file.run(forget, name, name);
  return true;
}

export function noteScheduleRun(file: SystemFile, { name, at, outcome }: { name: string; at: number; outcome: string }): void {
  file.run('update schedules set last_run_at = ?, last_outcome = ? where name = ?', at, outcome, name);
}
