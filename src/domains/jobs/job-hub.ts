import { BoundedMap } from '../../kernel/bounded-map.ts';
import type { Clock } from '../../kernel/clock.ts';
import { headOf, isFinal, type JobHead, type JobProgress } from './model.ts';

/** What happened to a job. `seq` grows with each event of the job, also over restarts of the server. */
export type JobEvent =
  | { readonly seq: number; readonly kind: 'state'; readonly job: JobHead }
  | { readonly seq: number; readonly kind: 'progress'; readonly progress: JobProgress }
  /** The last one. */
  | { readonly seq: number; readonly kind: 'end'; readonly job: JobHead };

type Unnumbered = JobEvent extends infer Each ? (Each extends JobEvent ? Omit<Each, 'seq'> : never) : never;

/** Events kept of one job; a reader further behind is closed and resumes with the job as it stands. */
const RING = 64;
/** Jobs whose events are kept. */
const MAX_CHANNELS = 4096;
/** Sequence numbers a job may use up in one millisecond before they could meet those of a later start. */
const SEQ_PER_MS = 1024;

interface Channel {
  readonly events: JobEvent[];
  readonly listeners: Set<(event: JobEvent) => void>;
  seq: number;
}

/** Live events of jobs in this process: a bounded ring each, and whoever listens now. Nothing in it is needed to run or to end a job. */
export class JobHub {
  readonly #clock: Clock;
  /** Channels somebody listens to never fall out; the others may. */
  readonly #heard = new Map<string, Channel>();
  readonly #unheard = new BoundedMap<string, Channel>({ maxSize: MAX_CHANNELS });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  progress(id: string, progress: JobProgress): void {
    this.#publish(id, { kind: 'progress', progress });
  }

  /** The job as it is stored now. */
  changed(job: JobHead): void {
    this.#publish(job.id, { kind: isFinal(job.state) ? 'end' : 'state', job: headOf(job) });
  }

  /** Calls `listener` with each event from now on; dispose what is returned. */
  listen(id: string, listener: (event: JobEvent) => void): Disposable {
    const channel = this.#channel(id);
    this.#unheard.delete(id);
    this.#heard.set(id, channel);
    channel.listeners.add(listener);
    return {
      [Symbol.dispose]: () => {
        channel.listeners.delete(listener);
        if (channel.listeners.size > 0 || this.#heard.get(id) !== channel) return;
        this.#heard.delete(id);
        this.#unheard.set(id, channel);
      },
    };
  }

  /** The events after `seq` that are still kept; undefined when some of them are not. */
  since(id: string, seq: number): readonly JobEvent[] | undefined {
    const { events } = this.#channel(id);
    const first = events[0]?.seq;
    if (first === undefined || seq < first - 1) return undefined;
    return events.filter((event) => event.seq > seq);
  }

  /** The number the next event will be after: a snapshot taken now stands for all up to it. */
  lastSeq(id: string): number {
    return this.#channel(id).seq;
  }

  #publish(id: string, event: Unnumbered): void {
    const channel = this.#channel(id);
    channel.seq += 1;
    const numbered: JobEvent = { ...event, seq: channel.seq };
    channel.events.push(numbered);
    if (channel.events.length > RING) channel.events.shift();
    for (const listener of channel.listeners) listener(numbered);
  }

  #channel(id: string): Channel {
    const kept = this.#heard.get(id) ?? this.#unheard.get(id);
    if (kept !== undefined) return kept;
    const channel: Channel = { events: [], listeners: new Set(), seq: this.#clock.now() * SEQ_PER_MS };
    this.#unheard.set(id, channel);
    return channel;
  }
}
