import type { Settings } from '../config/options.ts';
import type { LaneTable } from '../domains/admission/index.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The lanes' limits as the options set them. */
export function laneTable(settings: Settings): LaneTable {
  return {
    memory: {
      permits: settings.MAX_CONCURRENT_MEMORY_OPS,
      separateWrites: true,
      timeoutMs: settings.MEMORY_OP_TIMEOUT,
      timeoutName: 'MEMORY_OP_TIMEOUT',
      rateLimit: settings.RATE_LIMIT_MEMORY_PER_MIN,
      windowMs: MINUTE,
    },
    bulk: {
      permits: settings.MAX_CONCURRENT_BULK_OPS,
      separateWrites: false,
      timeoutMs: settings.BULK_OP_TIMEOUT,
      timeoutName: 'BULK_OP_TIMEOUT',
      rateLimit: settings.RATE_LIMIT_BULK_PER_HOUR,
      windowMs: HOUR,
    },
    search: {
      permits: settings.MAX_CONCURRENT_SEARCH_OPS,
      separateWrites: false,
      timeoutMs: settings.SEARCH_OP_TIMEOUT,
      timeoutName: 'SEARCH_OP_TIMEOUT',
      rateLimit: settings.RATE_LIMIT_SEARCH_PER_MIN,
      windowMs: MINUTE,
    },
    chat: {
      permits: settings.MAX_CONCURRENT_CHAT_OPS,
      separateWrites: false,
      timeoutMs: settings.CHAT_OP_TIMEOUT,
      timeoutName: 'CHAT_OP_TIMEOUT',
      rateLimit: settings.RATE_LIMIT_CHAT_PER_MIN,
      windowMs: MINUTE,
    },
    sync: {
      permits: settings.MAX_CONCURRENT_SYNC_OPS,
      separateWrites: false,
      timeoutMs: settings.SYNC_OP_TIMEOUT,
      timeoutName: 'SYNC_OP_TIMEOUT',
      rateLimit: settings.RATE_LIMIT_SYNC_PER_HOUR,
      windowMs: HOUR,
    },
    batch: {
      permits: settings.MAX_CONCURRENT_BATCH_OPS,
      separateWrites: false,
      timeoutMs: settings.BATCH_OP_TIMEOUT,
      timeoutName: 'BATCH_OP_TIMEOUT',
      rateLimit: settings.RATE_LIMIT_BATCH_PER_DAY,
      windowMs: DAY,
    },
    admin: {
      permits: settings.MAX_CONCURRENT_ADMIN_OPS,
      separateWrites: false,
      timeoutMs: settings.ADMIN_OP_TIMEOUT,
      timeoutName: 'ADMIN_OP_TIMEOUT',
      rateLimit: settings.RATE_LIMIT_ADMIN_PER_MIN,
      windowMs: MINUTE,
    },
  };
}
