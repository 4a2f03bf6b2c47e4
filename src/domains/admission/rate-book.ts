import { BoundedMap } from '../../kernel/bounded-map.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Caller, Lane } from '../../kernel/operation.ts';
import { createRateLimiter } from '../../kernel/rate-limiter.ts';
import type { RateLimiter } from '../../kernel/sliding-window.ts';
import type { LaneTable } from './lanes.ts';
import type { RateStanding } from './model.ts';

/** More callers than one node can serve within one window, so that no window in use is ever dropped. */
const MAX_WINDOWS = 200_000;

interface Window {
  readonly limit: number;
  readonly limiter: RateLimiter;
}

/** The rates of every user and service, per lane, on the monotonic clock: setting the wall clock changes nothing. */
export class RateBook {
  readonly #clock: Clock;
  readonly #lanes: LaneTable;
  readonly #serviceShare: number;
  readonly #windows = new BoundedMap<string, Window>({ maxSize: MAX_WINDOWS });

  constructor(deps: { readonly clock: Clock; readonly lanes: LaneTable; readonly serviceShare: number }) {
    this.#clock = deps.clock;
    this.#lanes = deps.lanes;
    this.#serviceShare = deps.serviceShare;
  }

  /** Spends `cost` units of the caller and of its service, or rejects with `rate_limited` and spends nothing. */
  take(caller: Caller, lane: Lane, cost: number): RateStanding {
    const now = this.#clock.monotonic();
    if (cost === 0) return this.standing(caller, lane);
    const limit = this.#limitOf(caller, lane);
    if (cost > limit) throw this.#neverFits(lane, cost, limit);
    const service = this.#serviceWindow(caller, lane);
    if (service !== undefined && service.limiter.peek(now).remaining < cost) {
      throw this.#refusal(lane, service, 'service', service.limiter.peek(now).resetMs);
    }
    const own = this.#window(`${caller.userId} ${lane}`, limit, lane);
    const decision = own.limiter.take(now, cost);
    if (!decision.ok) throw this.#refusal(lane, own, 'user', decision.retryAfterMs);
    service?.limiter.take(now, cost);
    return this.standing(caller, lane);
  }

  standing(caller: Caller, lane: Lane): RateStanding {
    const limit = this.#limitOf(caller, lane);
    const { windowMs } = this.#lanes[lane];
    const { remaining, resetMs } = this.#window(`${caller.userId} ${lane}`, limit, lane).limiter.peek(this.#clock.monotonic());
    return { lane, limit, windowMs, remaining, resetMs: Math.ceil(resetMs) };
  }

  #limitOf(caller: Caller, lane: Lane): number {
    return caller.limits.rate?.[lane] ?? this.#lanes[lane].rateLimit;
  }

  #serviceWindow(caller: Caller, lane: Lane): Window | undefined {
    if (caller.group === caller.userId) return undefined;
    return this.#window(`${caller.group} ${lane} service`, this.#lanes[lane].rateLimit * this.#serviceShare, lane);
  }

  #window(key: string, limit: number, lane: Lane): Window {
    const kept = this.#windows.get(key);
    if (kept !== undefined && kept.limit === limit) return kept;
    const window = { limit, limiter: createRateLimiter(limit, this.#lanes[lane].windowMs) };
    this.#windows.set(key, window);
    return window;
  }

  #refusal(lane: Lane, window: Window, of: 'user' | 'service', retryAfterMs: number): PolymniaError {
    const seconds = this.#lanes[lane].windowMs / 1000;
    const whose = of === 'user' ? 'Your' : "Your service's";
    const message = `${whose} rate of ${window.limit} per ${seconds} s in lane ${lane} is used up.`;
    return new PolymniaError('rate_limited', message, {
      retryAfterMs,
      details: { lane, limit: window.limit, windowMs: this.#lanes[lane].windowMs, of },
    });
  }

  #neverFits(lane: Lane, cost: number, limit: number): PolymniaError {
    return new PolymniaError('too_large', `This call costs ${cost} units of lane ${lane}, more than your whole rate of ${limit}; send less at once.`);
  }
}
