import { spawnSync } from 'node:child_process';

/** Why nothing can be traced here; undefined when it can. */
export function whyNoTrace(): string | undefined {
  const { error, status, stderr } = spawnSync('strace', ['-f', '-o', '/dev/null', '-e', 'trace=fsync', 'true'], { encoding: 'utf8' });
  if (error !== undefined) return `strace cannot be run (${error.message}); .ci/run installs it`;
  return status === 0 ? undefined : `strace may not trace here: ${stderr.trim().slice(0, 200)}`;
}

/** The command under which a server writes what it syncs, and what it reads from and writes to sockets, into a file. */
export function tracedTo(file: string): readonly string[] {
  const calls = 'trace=read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,fsync,fdatasync';
  return ['strace', '-f', '-y', '--seccomp-bpf', '-s', '512', '-e', calls, '-o', file];
}

/** The command under which each sync of a file takes `ms` longer. */
export function withSlowSync(ms: number): readonly string[] {
  return ['strace', '-f', '--seccomp-bpf', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', `inject=fsync,fdatasync:delay_enter=${ms * 1000}`];
}

/** An answer with a 2xx status to a request that writes, and the first sync that stands between the two. */
export interface TracedWrite {
  /** As `POST /api/v1/memories`. */
  readonly request: string;
  /** The credential the request came with. */
  readonly key: string;
  /** Files synced after the request was read and before its answer was written. */
  readonly synced: readonly string[];
}

interface Sync {
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

interface Call {
  readonly name: string;
  readonly fd: string;
  readonly text: string;
  /** Lines of the trace at which it began and ended. */
  readonly from: number;
  readonly to: number;
  readonly result: string;
}

const WHOLE = /^(\d+) +(\w+)\(\d+<([^>]*)>(.*?)(?:\) += (-?\w+).*)?$/;
const UNFINISHED = ' <unfinished ...>';
const RESUMED = /^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\w+)/;
const WRITING_REQUEST = /"((?:POST|PUT|PATCH|DELETE) \S+) HTTP\/1\.1\\r\\n/;
const BEARER = /Bearer (pmn_[0-9a-z]+)/i;
const OK_ANSWER = /"HTTP\/1\.1 2\d\d /;

/** Pairs requests that write with their answers, by connection, and says what was synced in between. */
export function tracedWrites(trace: string): readonly TracedWrite[] {
  const calls = callsOf(trace);
  const syncs: Sync[] = calls
    .filter(({ name, result }) => (name === 'fsync' || name === 'fdatasync') && result === '0')
    .map(({ fd, from, to }) => ({ file: fd, from, to }));
  const open = new Map<string, { readonly request: string; readonly key: string; readonly at: number }>();
  const writes: TracedWrite[] = [];
  for (const { name, fd, text, from, to } of calls) {
    if (!fd.startsWith('socket:')) continue;
    const request = WRITING_REQUEST.exec(text)?.[1];
    if (/^(read|recv)/.test(name) && request !== undefined) open.set(fd, { request, key: BEARER.exec(text)?.[1] ?? '', at: to });
    if (!/^(write|send)/.test(name) || !/"HTTP\/1\.1 \d/.test(text)) continue;
    const asked = open.get(fd);
    open.delete(fd);
    if (asked === undefined || !OK_ANSWER.test(text)) continue;
    const synced = syncs.filter((sync) => sync.from > asked.at && sync.to < from).map(({ file }) => file);
    writes.push({ request: asked.request, key: asked.key, synced });
  }
  return writes;
}

/** Calls in the order in which they ended; one that was interrupted in the trace is put together again. */
function callsOf(trace: string): readonly Call[] {
  const started = new Map<string, Omit<Call, 'to' | 'result'>>();
  const calls: Call[] = [];
  for (const [at, line] of trace.split('\n').entries()) {
    const resumed = RESUMED.exec(line);
    if (resumed !== null) {
      const [, thread = '', , rest = '', result = ''] = resumed;
      const begun = started.get(thread);
      started.delete(thread);
      if (begun !== undefined) calls.push({ ...begun, text: begun.text + rest, to: at, result });
      continue;
    }
    const whole = WHOLE.exec(line);
    if (whole === null) continue;
    const [, thread = '', name = '', fd = '', text = '', result = ''] = whole;
    if (line.endsWith(UNFINISHED)) started.set(thread, { name, fd, text, from: at });
    else calls.push({ name, fd, text, from: at, to: at, result });
  }
  return calls;
}
