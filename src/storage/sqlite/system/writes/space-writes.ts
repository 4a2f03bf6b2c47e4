import {
  type AuditEntry,
  type DeletionIntent,
  IDENTITY_LIMITS,
  type Member,
  type Space,
  type SpaceChange,
} from '../../../../domains/identity/model.ts';
import { notFound, PolymniaError } from '../../../../kernel/errors.ts';
import type { Role } from '../../../../kernel/operation.ts';
import type { SystemFile } from '../open-system-file.ts';
import { memberOf, spaceById } from '../reads/space-reads.ts';
import { userById } from '../reads/user-reads.ts';
import { integer, toIntent } from '../rows.ts';
import { addAudit } from './audit-writes.ts';
import { noteDeletion } from './deletion-notes.ts';
import { markWork } from './upkeep-writes.ts';

/** Kind of background work, as the port of the space work has it. */
const RETENTION_WORK = 'retention';
const { membersPerSpace: MAX_MEMBERS, spacesPerUser: MAX_SPACES } = IDENTITY_LIMITS;

/** The row and its first member, without any rule. */
export function insertSpace(file: SystemFile, { id, key, name, kind, payer, createdAt }: Space): void {
  file.run('insert into spaces (id, key, name, kind, payer, created_at) values (?, ?, ?, ?, ?, ?)', id, key, name, kind, payer, createdAt);
  file.run("insert into members (space, user, role, since) values (?, ?, 'owner', ?)", id, payer, createdAt);
}

function existing(file: SystemFile, spaceId: string): Space {
  const space = spaceById(file, spaceId);
  if (space === undefined) throw notFound('space');
  return space;
}

/** Whose a personal space is, and its name, stay as they are: that is what it is for. */
function shared(file: SystemFile, spaceId: string): Space {
  const space = existing(file, spaceId);
  if (space.kind === 'personal')
    throw new PolymniaError('conflict', 'This is a personal space: it has no members, and only its conversationRetention can be changed.');
  return space;
}

function refuseManySpaces(file: SystemFile, userId: string): void {
  const row = file.get('select count(*) as n from members m where m.user = ?', userId);
  if (row === undefined || integer(row, 'n') < MAX_SPACES) return;
  throw new PolymniaError('conflict', `A user can be a member of ${MAX_SPACES} spaces.`, { details: { limit: MAX_SPACES } });
}

export function createSpace(file: SystemFile, { space, audit }: { space: Space; audit: AuditEntry }): Space {
  if (userById(file, space.payer)?.status !== 'active') throw notFound('user');
  refuseManySpaces(file, space.payer);
  insertSpace(file, space);
  addAudit(file, audit);
  return existing(file, space.id);
}

interface SpaceUpdate {
  readonly spaceId: string;
  readonly change: SpaceChange;
  readonly audit: AuditEntry;
}

export function updateSpace(file: SystemFile, { spaceId, change, audit }: SpaceUpdate): Space {
  const { conversationRetention, ...edit } = change;
  if (conversationRetention === undefined || Object.keys(edit).length > 0) renameOrCharge(file, spaceId, edit);
  if (conversationRetention !== undefined) setRetention(file, existing(file, spaceId), conversationRetention, audit.at);
  addAudit(file, audit);
  return existing(file, spaceId);
}

function renameOrCharge(file: SystemFile, spaceId: string, edit: Omit<SpaceChange, 'conversationRetention'>): void {
  const { name, payer } = { ...shared(file, spaceId), ...edit };
  if (memberOf(file, spaceId, payer)?.role !== 'owner') throw new PolymniaError('conflict', 'The payer must be an owner of the space.');
  file.run('update spaces set name = ?, payer = ? where id = ?', name, payer, spaceId);
}

/** The space's own file says when a conversation goes: it follows, even if the server ends before it has told it so. */
function setRetention(file: SystemFile, { id, key }: Space, retention: number | null, now: number): void {
  file.run('update spaces set conversation_retention = ? where id = ?', retention, id);
  markWork(file, { space: key, kind: RETENTION_WORK, dueAt: now });
}

interface Membership {
  readonly spaceId: string;
  readonly member: { readonly userId: string; readonly role: Role; readonly at: number };
  readonly audit: AuditEntry;
}

export function setMember(file: SystemFile, { spaceId, member, audit }: Membership): Member {
  const space = shared(file, spaceId);
  if (userById(file, member.userId) === undefined) throw notFound('user');
  const known = memberOf(file, spaceId, member.userId);
  if (known === undefined) refuseNewMember(file, spaceId, member.userId);
  else if (known.role === 'owner' && member.role !== 'owner') refuseOwnerLoss(file, space, member.userId);
  const sql = 'insert into members (space, user, role, since) values (?, ?, ?, ?) on conflict do update set role = excluded.role';
  file.run(sql, spaceId, member.userId, member.role, member.at);
  addAudit(file, audit);
  const stored = memberOf(file, spaceId, member.userId);
  if (stored === undefined) throw notFound('member');
  return stored;
}

function refuseNewMember(file: SystemFile, spaceId: string, userId: string): void {
  const row = file.get('select count(*) as n from members m where m.space = ?', spaceId);
  if (row !== undefined && integer(row, 'n') >= MAX_MEMBERS) {
    throw new PolymniaError('conflict', `A space can have ${MAX_MEMBERS} members.`, { details: { limit: MAX_MEMBERS } });
  }
  refuseManySpaces(file, userId);
}

function refuseOwnerLoss(file: SystemFile, space: Space, userId: string): void {
  if (space.payer === userId) throw new PolymniaError('conflict', 'This member pays for the space and so stays its owner; name another payer first.');
  const other = file.get("select 1 from members m where m.space = ? and m.role = 'owner' and m.user <> ? limit 1", space.id, userId);
  if (other === undefined) throw new PolymniaError('conflict', 'This is the last owner of the space; make another member owner first.');
}

export function removeMember(file: SystemFile, { spaceId, userId, audit }: { spaceId: string; userId: string; audit: AuditEntry }): void {
  const space = shared(file, spaceId);
  const member = memberOf(file, spaceId, userId);
  if (member === undefined) throw notFound('member');
  if (member.role === 'owner') refuseOwnerLoss(file, space, userId);
  file.run('delete from members where space = ? and user = ?', spaceId, userId);
  addAudit(file, audit);
}

export function beginSpaceDeletion(
  file: SystemFile,
  { spaceId, intent, audit }: { spaceId: string; intent: DeletionIntent; audit: AuditEntry },
): { space: Space; members: number } {
  const space = shared(file, spaceId);
  const members = file.run('delete from members where space = ?', spaceId);
  file.run('update spaces set deleted_at = ? where id = ?', intent.createdAt, spaceId);
  noteDeletion(file, intent);
  addAudit(file, audit);
  return { space, members };
}

export function finishDeletion(file: SystemFile, { intentId, audit }: { intentId: string; audit: AuditEntry }): void {
  const row = file.get("select i.payload from intents i where i.id = ? and i.kind = 'deletion'", intentId);
  if (row === undefined) return;
  const { spaceKey, subject } = toIntent(row);
  file.run('delete from space_work where space = ?', spaceKey);
  file.run('delete from spaces where key = ? and deleted_at is not null', spaceKey);
  if (subject.kind === 'user') {
    file.run('delete from keys where user = ?', subject.userId);
    file.run('delete from storage_usage where payer = ?', subject.userId);
  }
  file.run('delete from intents where id = ?', intentId);
  addAudit(file, audit);
}
