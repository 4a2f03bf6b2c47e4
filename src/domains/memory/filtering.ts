import type { OperationContext } from '../../kernel/operation.ts';
import type { FilterInput } from './inputs.ts';
import type { MemoryFilter } from './model.ts';
import { isoTime } from './outputs.ts';
import { parseTimeRange } from './time/time-range.ts';

/** A range of `occurredAt`, UTC ms: `sinceMs` inclusive, `untilMs` exclusive. */
export interface HalfOpenRange {
  readonly sinceMs?: number;
  readonly untilMs?: number;
}

/** `since` and `until` of an input as a range. Rejects with `invalid_input` what is no time. */
export function rangeOf(input: FilterInput, ctx: Pick<OperationContext, 'caller'>, nowMs: number): HalfOpenRange {
  const timeZone = input.timeZone ?? ctx.caller.timeZone;
  const { sinceMs, untilMs } = parseTimeRange({ since: asText(input.since), until: asText(input.until), nowMs, timeZone });
  return { ...(sinceMs === undefined ? {} : { sinceMs }), ...(untilMs === undefined ? {} : { untilMs: untilMs + 1 }) };
}

function asText(period: string | number | undefined): string | undefined {
  return typeof period === 'number' ? String(Math.trunc(period)) : period;
}

/** The conditions of an input as the store takes them. */
export function filterOf(input: FilterInput, range: HalfOpenRange): MemoryFilter {
  const { tagsAny, tagsAll, type, thread, metadata, importId } = input;
  return {
    ...(tagsAny === undefined || tagsAny.length === 0 ? {} : { tagsAny }),
    ...(tagsAll === undefined || tagsAll.length === 0 ? {} : { tagsAll }),
    ...(type === undefined ? {} : { type }),
    ...(thread === undefined ? {} : { thread }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(importId === undefined ? {} : { importId }),
    ...range,
  };
}

/** The range as the answer states it; nothing when none was asked for. */
export function saidRange(range: HalfOpenRange): { readonly range?: { since?: string; until?: string } } {
  if (range.sinceMs === undefined && range.untilMs === undefined) return {};
  return {
    range: {
      ...(range.sinceMs === undefined ? {} : { since: isoTime(range.sinceMs) }),
      ...(range.untilMs === undefined ? {} : { until: isoTime(range.untilMs) }),
    },
  };
}
