import type { CallObserver } from '../domains/admission/index.ts';
import type { Logger } from '../kernel/logger.ts';

const round = (ms: number): number => Math.round(ms * 100) / 100;

/** One log line a call, and its figures to the metrics. Refusals are information; what an operator must look at is an error. */
export function createCallObserver(logger: Logger, metrics: CallObserver): CallObserver {
  return {
    finished(record) {
      metrics.finished(record);
      const { operation, lane, surface, caller, requestId, outcome, waitedMs, ranMs, cost, error } = record;
      const fields = {
        operation,
        lane,
        surface,
        user: caller.userId,
        requestId,
        outcome,
        waitedMs: round(waitedMs),
        ranMs: round(ranMs),
        costUs: Math.round(cost),
      };
      if (error === undefined) logger.info('call', fields);
      else logger.error('call', fields, error);
    },
  };
}
