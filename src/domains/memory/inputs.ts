import { z } from 'zod';
import {
  contentField,
  cursorField,
  countField,
  flagField,
  instantField,
  memoryIdField,
  metadataField,
  metadataFilterField,
  originField,
  placeField,
  queryField,
  shareField,
  spaceField,
  tagsField,
  threadField,
  timeZoneField,
  typeField,
} from './fields.ts';
import { shortList } from '../../kernel/short-list.ts';
import { MEMORY_LIMITS } from './model.ts';

const MAX_EXPIRY_SECONDS = 100 * 366 * 86_400;
const MAX_SPACES = 8;

const expiresInField = z.int().min(1).max(MAX_EXPIRY_SECONDS).describe('Forget it after this many seconds. Instead of expiresAt.');

const newItem = {
  content: contentField,
  type: typeField.optional(),
  tags: tagsField.optional(),
  metadata: metadataField.optional(),
  thread: threadField.optional(),
  place: placeField.optional(),
  origin: originField.optional(),
  occurredAt: instantField.optional().describe('When it happened, if not now: ISO 8601 with an offset, or UTC milliseconds.'),
  expiresAt: instantField.optional().describe('Forget it at this moment: ISO 8601 with an offset, or UTC milliseconds.'),
  expiresIn: expiresInField.optional(),
};

interface ItemRules {
  readonly thread?: string | undefined;
  readonly place?: number | undefined;
  readonly expiresAt?: number | null | undefined;
  readonly expiresIn?: number | undefined;
}

function checkItem(item: ItemRules, ctx: z.core.$RefinementCtx<ItemRules>): void {
  if (item.place !== undefined && item.thread === undefined) {
    ctx.addIssue({ code: 'custom', path: ['place'], message: 'place needs a thread' });
  }
  checkExpiry(item, ctx);
}

function checkExpiry(item: Pick<ItemRules, 'expiresAt' | 'expiresIn'>, ctx: z.core.$RefinementCtx): void {
  if (item.expiresAt !== undefined && item.expiresIn !== undefined) {
    ctx.addIssue({ code: 'custom', path: ['expiresIn'], message: 'give expiresAt or expiresIn, not both' });
  }
}

export const storeInput = z.strictObject({ ...newItem, space: spaceField.optional() }).superRefine(checkItem);

const storeItem = z.strictObject(newItem).superRefine(checkItem);

export const storeManyInput = z.strictObject({
  items: shortList(MEMORY_LIMITS.batch, z.array(storeItem).min(1).max(MEMORY_LIMITS.batch)).describe(
    `1 to ${MEMORY_LIMITS.batch} memories, stored in this order.`,
  ),
  space: spaceField.optional(),
});

const periodField = z.union([z.string().max(64), z.number()]);

/** Conditions shared by every operation that looks for memories. */
const filter = {
  tagsAny: tagsField.optional().describe('At least one of these tags: an array, or one comma-separated text.'),
  tagsAll: tagsField.optional().describe('Every one of these tags: an array, or one comma-separated text.'),
  type: typeField.optional().describe('Only this kind, e.g. decision.'),
  thread: threadField.optional().describe('Only this thread.'),
  since: periodField.optional().describe('Happened at or after: ISO 8601, UTC milliseconds, or words like "yesterday", "last week".'),
  until: periodField.optional().describe('Happened before the end of this: ISO 8601, UTC milliseconds, or words like "yesterday", "last week".'),
  timeZone: timeZoneField.optional(),
  metadata: metadataFilterField.optional(),
};

const importIdField = z.string().max(64).describe('Only what came with this import (its importId).');

export const retrieveInput = z.strictObject({
  query: queryField.describe('What you want to know, in words; a question is fine.'),
  limit: countField(MEMORY_LIMITS.page, 10).describe('Results at most.'),
  ...filter,
  minScore: shareField.optional().describe('Only results at least this share (0 to 1) as good as the best one.'),
  recencyWeight: shareField.optional().describe('0 = age plays no part (default), 1 = newer counts up to twice.'),
  space: spaceField.optional(),
  spaces: z
    .union([z.literal('all'), shortList(MAX_SPACES, z.array(z.string()).min(1).max(MAX_SPACES))])
    .optional()
    .describe('Several spaces to look in, by id, or "all" you may read. Instead of space.'),
});

export const searchInput = z.strictObject({
  ...filter,
  limit: countField(MEMORY_LIMITS.page, 20).describe('Memories of one page.'),
  cursor: cursorField.optional(),
  space: spaceField.optional(),
});

export const getInput = z.strictObject({
  id: memoryIdField,
  versions: flagField.optional().describe('Also answer with the earlier versions, oldest first.'),
});

const CHANGEABLE = ['content', 'type', 'tags', 'metadata', 'occurredAt', 'expiresAt', 'expiresIn'] as const;

export const updateInput = z
  .strictObject({
    id: memoryIdField,
    content: contentField.optional().describe('The new text, in place of the old one.'),
    type: typeField.optional(),
    tags: tagsField.optional().describe('The new tags, in place of the old ones.'),
    metadata: metadataField.optional().meta({ description: 'The new metadata, in place of all of the old one.' }),
    occurredAt: instantField.optional().describe('When it happened: ISO 8601 with an offset, or UTC milliseconds.'),
    expiresAt: instantField.nullable().optional().describe('Forget it at this moment: ISO 8601 with an offset, or UTC milliseconds; null = never.'),
    expiresIn: expiresInField.optional(),
    ifVersion: z.int().min(1).optional().describe('Change it only if this still is its version; else conflict.'),
  })
  .superRefine((change, ctx) => {
    checkExpiry(change, ctx);
    if (CHANGEABLE.every((field) => change[field] === undefined)) {
      ctx.addIssue({ code: 'custom', message: `nothing to change; give at least one of ${CHANGEABLE.join(', ')}` });
    }
  });

export const deleteInput = z.strictObject({ id: memoryIdField });

export const forgetInput = z.strictObject({
  ...filter,
  importId: importIdField.optional(),
  all: z.boolean().optional().describe('True = everything in the space. Only without any other condition.'),
  dryRun: z.boolean().default(false).describe('True = only count what would be deleted.'),
  space: spaceField.optional(),
});

export const listTagsInput = z.strictObject({
  prefix: z.string().max(MEMORY_LIMITS.tagLength).optional().describe('Only tags that begin so.'),
  limit: countField(MEMORY_LIMITS.tagList, 100).describe('Tags at most.'),
  space: spaceField.optional(),
});

export const statsInput = z.strictObject({ space: spaceField.optional() });

export const exportInput = z.strictObject({
  ...filter,
  importId: importIdField.optional(),
  limit: countField(MEMORY_LIMITS.page, 50).describe('Memories of one page; a stream of JSON lines has no pages.'),
  cursor: cursorField.optional(),
  space: spaceField.optional(),
});

export const importInput = z.strictObject({
  data: z
    .string()
    .max(MEMORY_LIMITS.importDataBytes)
    .optional()
    .describe('The lines themselves, one JSON object a line, up to 1 MB. Larger ones are uploaded.'),
  name: originField.optional().describe('Name of the import; becomes the origin of memories that say none.'),
  space: spaceField.optional(),
});

export type StoreInput = z.output<typeof storeInput>;
export type StoreItem = z.output<typeof storeItem>;
export type StoreManyInput = z.output<typeof storeManyInput>;
export type RetrieveInput = z.output<typeof retrieveInput>;
export type SearchInput = z.output<typeof searchInput>;
export type GetInput = z.output<typeof getInput>;
export type UpdateInput = z.output<typeof updateInput>;
export type DeleteInput = z.output<typeof deleteInput>;
export type ForgetInput = z.output<typeof forgetInput>;
export type ListTagsInput = z.output<typeof listTagsInput>;
export type StatsInput = z.output<typeof statsInput>;
export type ExportInput = z.output<typeof exportInput>;
export type ImportInput = z.output<typeof importInput>;
/** The conditions of any of them. */
export type FilterInput = Pick<SearchInput, 'tagsAny' | 'tagsAll' | 'type' | 'thread' | 'since' | 'until' | 'timeZone' | 'metadata'> &
  Pick<ForgetInput, 'importId'>;
