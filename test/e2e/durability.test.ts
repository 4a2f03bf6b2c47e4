import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startServer } from '../../src/app/server.ts';
import { settingsWith } from '../../src/config/settings.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { startChild } from '../support/child-server.ts';
import { exported, expectIntegrity, killDuringWrites, newUser, WRITE_SETTINGS } from '../simulation/kill-writes.ts';
import { eventually } from '../support/leaks.ts';
import { temporaryFolder } from '../support/storage.ts';
import { type Caller, callRest, credentials, inProcess, operationNamed, readerOf } from '../support/wire.ts';

describe('kill -9', () => {
  it('[P3-kill-9] loses no acknowledged write and doubles none, again and again during writes', () => killDuringWrites(6), 90_000);

  it('[P3-kill-9-import] lets an import go on after the restart, with every line taken once', async () => {
    await using folder = await temporaryFolder();
    const dataDir = join(folder.path, 'data');
    const lines = Array.from({ length: 6000 }, (_, n) =>
      JSON.stringify({ content: `Line ${n} of the import, about ${n % 7} geese.`, thread: `t${n % 5}` }),
    );
    let user: Caller;
    {
      await using server = await startChild({ dataDir, settings: WRITE_SETTINGS });
      user = await newUser(server, 'importer');
      const response = await server.send('/api/v1/memories/import', {
        method: 'POST',
        headers: { ...credentials(user), 'content-type': 'application/x-ndjson', accept: 'text/event-stream' },
        body: lines.join('\n'),
      });
      expect(response.status).toBe(200);
      // Killed when the import has told of some progress, long before its end.
      const reader = readerOf(response);
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toContain('event: progress');
      await server.kill();
      await reader.cancel().catch(() => {});
    }
    // A cut off import is taken up again a minute after it began: this server's clock is that far already.
    const clock = { ...systemClock, now: () => systemClock.now() + 61_000 };
    const settings = settingsWith({ ...WRITE_SETTINGS, DATA_DIR: dataDir, PORT: 0, SWEEP_INTERVAL: 20 });
    await using server = await startServer(settings, silentLogger, { checkOutputs: true, clock });
    const send = inProcess(server.fetch);
    const stats = operationNamed(server.operations, 'memory_stats');
    const count = async (): Promise<number> => Number((await callRest(send, user, stats, {})).body['memories']);
    expect(await count()).toBeLessThan(lines.length);
    await eventually(async () => expect(await count()).toBe(lines.length), 20_000);
    const found = (await exported({ send }, user)).map(({ content }) => content);
    expect(found.toSorted()).toEqual(lines.map((line) => (JSON.parse(line) as { content: string }).content).toSorted());
    await server.stop(0);
    await expectIntegrity(dataDir);
  }, 60_000);
});

describe('stopping', () => {
  it('[drain-on-stop] finishes running calls on SIGTERM, refuses new ones with Retry-After, and ends with an empty loop', async () => {
    await using folder = await temporaryFolder();
    const server = await startChild({ dataDir: join(folder.path, 'data'), settings: WRITE_SETTINGS });
    const user = await newUser(server, 'late');
    const running = Array.from({ length: 10 }, (_, n) => server.rest(user, 'store_memory', { content: `Under way ${n}.` }));
    const stopped = server.stop();
    const answers = await Promise.allSettled(running);
    for (const answer of answers) {
      if (answer.status === 'fulfilled' && !answer.value.ok)
        expect(answer.value.problem).toMatchObject({ code: 'overloaded', retryAfterMs: expect.any(Number) as number });
    }
    expect(await stopped).toBe(0);
  });
});
