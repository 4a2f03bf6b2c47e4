import { BoundedMap } from '../../kernel/bounded-map.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Ids } from '../../kernel/ids.ts';
import { createRateLimiter } from '../../kernel/rate-limiter.ts';
import type { RateLimiter } from '../../kernel/sliding-window.ts';
import { IDENTITY_LIMITS, nameKey, type User } from './model.ts';
import type { IdentityStore, NewServiceUser } from './store.ts';

const MINUTE_MS = 60_000;
/** Services whose rate is remembered. */
const MAX_SERVICES = 10_000;

export interface ServiceUsersDeps {
  readonly store: Pick<IdentityStore, 'userByExternalId' | 'claimServiceUser'>;
  readonly clock: Clock;
  readonly ids: Ids;
  /** MAX_USERS_PER_SERVICE. */
  readonly maxUsers: number;
  /** NEW_SERVICE_USERS_PER_MIN. */
  readonly newPerMinute: number;
}

/** The users a service named, each found or made inside the service's own namespace and nowhere else. */
export class ServiceUsers {
  readonly #deps: ServiceUsersDeps;
  readonly #rates = new BoundedMap<string, RateLimiter>({ maxSize: MAX_SERVICES });
  /** First sights under way, so that many at once cost one creation of the rate. Each leaves when it has ended. */
  readonly #claims = new Map<string, Promise<User>>();

  constructor(deps: ServiceUsersDeps) {
    this.#deps = deps;
  }

  /** Rejects with `rate_limited` or `quota_exceeded` when a new user would be one too many. */
  async claim(serviceId: string, externalId: string): Promise<User> {
    const known = await this.#deps.store.userByExternalId(serviceId, externalId);
    if (known !== undefined) return known;
    const place = `${serviceId}\0${externalId}`;
    const running = this.#claims.get(place);
    if (running !== undefined) return running;
    const claim = this.#make(serviceId, externalId).finally(() => this.#claims.delete(place));
    this.#claims.set(place, claim);
    return claim;
  }

  async #make(serviceId: string, externalId: string): Promise<User> {
    this.#takeRate(serviceId);
    const { user } = await this.#deps.store.claimServiceUser(this.#newUser(serviceId, externalId), this.#deps.maxUsers);
    return user;
  }

  #takeRate(serviceId: string): void {
    const { newPerMinute, clock } = this.#deps;
    let rate = this.#rates.get(serviceId);
    if (rate === undefined) {
      rate = createRateLimiter(newPerMinute, MINUTE_MS);
      this.#rates.set(serviceId, rate);
    }
    const decision = rate.take(clock.monotonic());
    if (decision.ok) return;
    const { retryAfterMs } = decision;
    throw new PolymniaError('rate_limited', `This service may name ${newPerMinute} new users a minute (NEW_SERVICE_USERS_PER_MIN).`, {
      retryAfterMs,
    });
  }

  #newUser(serviceId: string, externalId: string): NewServiceUser {
    const { ids, clock } = this.#deps;
    const name = externalId.slice(0, IDENTITY_LIMITS.nameLength);
    return {
      id: ids.handle('user'),
      name,
      nameKey: nameKey(name),
      role: 'member',
      timeZone: 'UTC',
      weight: 1,
      limits: {},
      createdAt: clock.now(),
      personal: { id: ids.handle('space'), key: ids.spaceKey() },
      service: { id: serviceId, externalId },
    };
  }
}
