import { z } from 'zod';
import { LANES, type Scope, SCOPES, type UserLimits } from '../../kernel/operation.ts';
import { shortList } from '../../kernel/short-list.ts';
import { IDENTITY_LIMITS, PRINTABLE } from './model.ts';

/** Fields of the operations' inputs. Apart from the model, so that storage threads never load zod. */

function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

const MIN_WEIGHT = 0.01;
const MAX_WEIGHT = 100;

export const nameSchema = z
  .string()
  .trim()
  .min(1)
  .max(IDENTITY_LIMITS.nameLength)
  .regex(PRINTABLE, 'A name holds printable characters only.')
  .describe(`1 to ${IDENTITY_LIMITS.nameLength} printable characters`);

export const userIdSchema = z.string().max(64).describe('Id of a user, user_…');
export const spaceIdSchema = z.string().max(64).describe('Id of a space, space_…');
export const keyIdSchema = z.string().max(64).describe('Id of a key, key_…');

export const retentionSchema = z.int().min(IDENTITY_LIMITS.shortestRetention).max(IDENTITY_LIMITS.longestRetention);

export const timeZoneSchema = z
  .string()
  .max(64)
  .refine(isTimeZone, 'Not an IANA time zone; for example Europe/Zurich or UTC.')
  .describe('IANA time zone, used for words like "last week"');

export const weightSchema = z.number().min(MIN_WEIGHT).max(MAX_WEIGHT).describe('Share of contended resources; 1 is usual');

export const limitsSchema = z
  .strictObject({
    storageBytes: z.int().min(0).optional().describe('Storage of all spaces the user pays for'),
    rate: z.partialRecord(z.enum(LANES), z.int().min(1).max(1_000_000)).optional().describe('Calls per window, by lane'),
  })
  .transform(({ storageBytes, rate }): UserLimits => ({ ...(storageBytes !== undefined && { storageBytes }), ...(rate !== undefined && { rate }) }))
  .describe("The user's own limits; what is left out follows the server's options");

export const scopesSchema = shortList(SCOPES.length, z.array(z.enum(SCOPES)).min(1).max(SCOPES.length))
  .transform((scopes): readonly Scope[] => [...new Set(scopes)])
  .describe('What the key may do');

export const timeSchema = z.iso.datetime({ offset: true }).describe('Time in ISO 8601, with zone');

export const pageFields = {
  cursor: z.string().max(200).optional().describe('nextCursor of the page before'),
  limit: z.coerce.number().int().min(1).max(IDENTITY_LIMITS.page).default(50).describe('Rows of a page'),
} as const;
