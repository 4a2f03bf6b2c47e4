import type { Clock } from './clock.ts';
import type { Reservation } from './operation.ts';

/**
 * Something put aside until it is settled with what was really used. Only the first end counts; disposing it, or `ttlMs` after it was
 * made, it ends with nothing used. `end` gives back what was put aside.
 */
export function createReservation(clock: Pick<Clock, 'after'>, ttlMs: number, end: (used: number) => void): Reservation {
  let isOpen = true;
  const settle = (used: number): void => {
    if (!isOpen) return;
    isOpen = false;
    cancelExpiry();
    end(used);
  };
  const cancelExpiry = clock.after(ttlMs, () => settle(0));
  return { settle, [Symbol.dispose]: () => settle(0) };
}
