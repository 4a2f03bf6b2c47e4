import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { hostTasks } from '../../app/children/child-host.ts';
import type { ChildHost, TaskRunner } from '../../app/children/child-host.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import { readStat } from './proc-files.ts';

/** Entry of the children of the tests: tasks that behave well and tasks that do not. */
const tasks: Readonly<Record<string, TaskRunner>> = {
  echo: (payload) => Promise.resolve(payload),
  surroundings: (_payload, host) => {
    writeFileSync('a-file', 'left behind');
    const { argv, execArgv, env, pid } = process;
    return Promise.resolve({ argv, execArgv, env, pid, cwd: process.cwd(), folder: host.folder, niceness: readStat(pid)?.niceness });
  },
  events: (payload, host) => {
    for (const event of payload as readonly unknown[]) host.event(event);
    return Promise.resolve('told');
  },
  flood: (payload, host) => {
    for (let done = 0; done <= Number(payload); done++) host.event({ kind: 'progress', phase: 'flood', done });
    host.event({ kind: 'end' });
    return Promise.resolve('told');
  },
  shout: async () => {
    for (;;) {
      for (let at = 0; at < 100; at++) process.send?.({ kind: 'events', events: [at] });
      await delay(1);
    }
  },
  babble: async (payload) => {
    process.send?.(payload);
    await delay(60_000);
  },
  busy: (payload, host) => busy(Number(payload), host),
  sleep: async (_payload, host) => {
    host.event(process.pid);
    await delay(60_000);
  },
  family: async (payload, host) => {
    const { detached } = payload as { readonly detached: boolean };
    const sleeper = spawn('sleep', ['60'], { stdio: 'inherit', detached });
    host.event([process.pid, sleeper.pid]);
    await delay(60_000);
  },
  'leave-family': (_payload, host) => {
    const sleeper = spawn('sleep', ['60'], { stdio: 'inherit' });
    host.event(sleeper.pid);
    return Promise.resolve('done');
  },
  'busy-family': async () => {
    // A child that ends at once, with some processor time behind it.
    const child = spawn(process.execPath, ['-e', 'while (process.cpuUsage().user < 400_000);'], { stdio: 'inherit' });
    await new Promise((resolve) => child.once('exit', resolve));
    return 'done';
  },
  'eat-buffers': async () => {
    const eaten: Buffer[] = [];
    for (;;) {
      eaten.push(Buffer.alloc(16 * 1024 * 1024, 1));
      await delay(5);
    }
  },
  'eat-heap': () => {
    const eaten: unknown[] = [];
    for (;;) eaten.push(Array.from({ length: 1000 }, () => ({ eaten: Math.random() })));
  },
  refuse: () => Promise.reject(new PolymniaError('too_large', 'Send less.', { details: { limit: 7 } })),
  fault: () => Promise.reject(new TypeError('secret \u001b[31m detail')),
  crash: () => {
    queueMicrotask(() => {
      throw new Error('out of the blue \u001b[31m');
    });
    return delay(60_000);
  },
  suicide: async () => {
    process.kill(process.pid, 'SIGSEGV');
    await delay(60_000);
  },
};

/** Reports ten times a second how far it is, for `ms`. */
async function busy(ms: number, host: ChildHost): Promise<unknown> {
  host.event(process.pid);
  const end = performance.now() + ms;
  let done = 0;
  for (let report = 0; performance.now() < end;) {
    done += 1;
    if (performance.now() < report) continue;
    report = performance.now() + 100;
    host.event({ kind: 'progress', phase: 'busy', done });
  }
  return done;
}

hostTasks(Object.fromEntries(Object.entries(tasks).map(([name, run]) => [name, () => Promise.resolve(run)])));
