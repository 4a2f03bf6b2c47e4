import { z } from 'zod';
import { defineOperation, LANES, SCOPES } from '../../../kernel/operation.ts';
import { spaceView, userView, viewSpace, viewUser } from '../views.ts';
import type { IdentityOperationsService } from './service-type.ts';

const rate = z.object({
  lane: z.enum(LANES),
  limit: z.int().describe('Units that may pass in any span of windowMs'),
  windowMs: z.number(),
  remaining: z.int(),
  resetMs: z.number().describe('Until at least one more unit is free'),
});

/** Who the credential speaks for, what it may do, and what is left of its limits. Costs nothing of any rate. */
export const whoami = defineOperation<IdentityOperationsService>()({
  name: 'whoami',
  title: 'Who am I',
  description:
    'Says which user this credential speaks for, its scopes and spaces (for the space field of other tools), and the limits with what is left of them.',
  input: z.strictObject({}),
  output: z.object({
    user: userView,
    credential: z.object({
      id: z.string(),
      name: z.string().optional(),
      scopes: z.array(z.enum(SCOPES)),
      limitedToSpaces: z.array(z.string()).optional().describe('Absent: every space of the user'),
      expiresAt: z.iso.datetime().optional(),
    }),
    spaces: z.array(spaceView).describe('Spaces this credential may use'),
    moreSpaces: z.boolean().describe('True when list_spaces would show more'),
    limits: z.object({
      rates: z.array(rate),
      storage: z.object({ usedBytes: z.number(), limitBytes: z.number() }).describe('Of all spaces the user pays for'),
      running: z.int().describe('Calls in flight'),
      waiting: z.int().describe('Calls waiting for their turn'),
    }),
  }),
  effect: 'read',
  lane: 'memory',
  scope: null,
  target: { kind: 'none' },
  http: { method: 'GET', path: '/whoami' },
  rateCost: () => 0,
  async run({ identity, standing }, _input, ctx) {
    const [{ user, key, spaces, more }, { rates, storage, running, waiting }] = await Promise.all([identity.profile(ctx), standing.of(ctx.caller)]);
    const { id, scopes, spaces: limitedTo } = ctx.credential;
    return {
      user: viewUser(user),
      credential: {
        id,
        ...(key !== undefined && { name: key.name }),
        scopes: [...scopes],
        ...(limitedTo !== undefined && { limitedToSpaces: [...limitedTo] }),
        ...(key?.expiresAt !== undefined && { expiresAt: new Date(key.expiresAt).toISOString() }),
      },
      spaces: spaces.map(viewSpace),
      moreSpaces: more,
      limits: { rates: rates.map((row) => ({ ...row })), storage: { ...storage }, running, waiting },
    };
  },
});
