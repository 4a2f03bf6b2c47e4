import type { RateStanding } from '../../domains/admission/index.ts';
import type { ReplyHeaders } from './reply.ts';

const NONE: ReplyHeaders = {};

/** A caller's standing as structured fields of draft-ietf-httpapi-ratelimit-headers: seconds, rounded up. */
export function rateHeaders(rate: RateStanding | undefined): ReplyHeaders {
  if (rate === undefined) return NONE;
  return {
    ratelimit: `"${rate.lane}";r=${Math.max(0, Math.floor(rate.remaining))};t=${Math.ceil(rate.resetMs / 1000)}`,
    'ratelimit-policy': `"${rate.lane}";q=${rate.limit};w=${Math.ceil(rate.windowMs / 1000)}`,
  };
}
