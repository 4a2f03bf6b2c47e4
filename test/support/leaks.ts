import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { RunningServer } from '../../src/app/server.ts';

/** What keeps this process alive, by kind. */
export type Resources = ReadonlyMap<string, number>;

const SETTLE_MS = 5000;
const LOOK_MS = 20;

/** Kinds that come and go with the test runner itself. */
const OF_THE_RUNNER: ReadonlySet<string> = new Set(['Immediate', 'TickObject', 'FSReqPromise', 'FSReqCallback']);

/** Take it before a server starts; see {@link expectNoLeaks}. */
export function resourcesNow(): Resources {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) if (!OF_THE_RUNNER.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Nothing runs, waits or is held in the server's gate. Work that was told to stop has a moment to do so. */
export async function expectIdle(server: RunningServer): Promise<void> {
  await eventually(() => {
    expect(server.gate.inFlight, 'calls in flight').toBe(0);
    expect(server.gate.load().map(({ name, running, waiting }) => ({ name, running, waiting }))).toEqual(
      server.gate.load().map(({ name }) => ({ name, running: 0, waiting: 0 })),
    );
  });
}

/** Stops an idle server, and expects that no timer, handle, thread or child is left of it. */
export async function expectNoLeaks(server: RunningServer, before: Resources): Promise<void> {
  await expectIdle(server);
  await server.stop(0);
  await eventually(() => {
    const grown = [...resourcesNow()].filter(([kind, count]) => count > (before.get(kind) ?? 0));
    expect(grown, 'left after the stop').toEqual([]);
  });
}

/** Tries until it passes, for at most `ms`: what is looked at has no event to wait for. */
export async function eventually<T>(check: () => T | Promise<T>, ms = SETTLE_MS): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > end) throw error;
      await delay(LOOK_MS);
    }
  }
}
