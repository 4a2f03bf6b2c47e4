import { z } from 'zod';
import { defineOperation } from '../../../kernel/operation.ts';
import { CLEAN_UP_ACTIONS, MAX_ITEMS } from '../clean-up/report.ts';
import type { IdentityOperationsService } from './service-type.ts';

const item = z.object({
  userId: z.string().optional().describe('Whose personal space it is'),
  spaceId: z.string().optional().describe('Of a shared space'),
  lastActiveAt: z.iso.datetime(),
  action: z
    .enum(CLEAN_UP_ACTIONS)
    .describe('let_go: kept in use, open files closed; archived; in_use: left alone, somebody came back; failed: see the log'),
});

const report = z.object({
  dryRun: z.boolean(),
  idleUsers: z.int().describe('Users who have been away for INACTIVE_AFTER'),
  idleSharedSpaces: z.int().describe('Shared spaces all of whose members have'),
  letGo: z.int(),
  archived: z.int(),
  inUse: z.int(),
  failed: z.int(),
  alreadyArchived: z.int().describe('Spaces that were archived before'),
  bytesBefore: z.int().describe('On disk, of the spaces this run archived; of a dry run, would archive'),
  bytesAfter: z.int().describe('The same, archived; 0 of a dry run'),
  complete: z.boolean().describe('False when the run ended before it had seen everything; the next one goes on'),
  items: z.array(item).max(MAX_ITEMS).describe(`The first ${MAX_ITEMS} spaces with something to do, those idle longest first`),
});

/** What the schedule of that name does by itself once a day. */
export const cleanUp = defineOperation<IdentityOperationsService>()({
  name: 'clean_up',
  title: 'Tidy away idle users',
  description:
    'Closes what is open of users who have been away for INACTIVE_AFTER, and archives the spaces of those away for ARCHIVE_AFTER; they come back whole by themselves. Runs once a day anyway. dryRun tells what would be done.',
  input: z.strictObject({ dryRun: z.boolean().default(false).describe('Tell what would be done, change nothing') }),
  output: report,
  effect: 'write',
  idempotent: true,
  lane: 'admin',
  scope: 'admin',
  target: { kind: 'none' },
  http: { method: 'POST', path: '/admin/clean-up' },
  hiddenFromModels: true,
  // It paces itself, for longer than any call may take, and no other call shall wait for its permit.
  waits: true,
  async run(service, { dryRun }, ctx) {
    const onProgress = (done: number): void => ctx.progress({ phase: 'tidying', done, unit: 'spaces' });
    const { items, ...counts } = await service.cleanUp.run({ dryRun, signal: ctx.signal, onProgress });
    return { ...counts, items: items.map(({ lastActiveAt, ...rest }) => ({ ...rest, lastActiveAt: new Date(lastActiveAt).toISOString() })) };
  },
});
