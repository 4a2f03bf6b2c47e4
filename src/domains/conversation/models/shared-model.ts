import { throwIfAborted } from '../../../kernel/abort.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { type ErrorCode, toPolymniaError } from '../../../kernel/errors.ts';
import { FairGate } from '../../../kernel/fair-gate.ts';
import { flowOf, type OperationContext } from '../../../kernel/operation.ts';
import type { TokenUsage } from '../model.ts';
import type { LanguageModel, ModelEvent, ModelRequest } from '../ports.ts';
import { CircuitBreaker, type Verdict } from './circuit-breaker.ts';
import { estimateUsage } from './token-estimate.ts';

/** For whom a model is asked. */
export type ModelCaller = Pick<OperationContext, 'caller' | 'signal' | 'deadlineAt' | 'meter'>;

/** Told of each call that a model is asked, with the model's name; for figures. */
export interface ModelObserver {
  asked(model: string): void;
  /** The first step of the answer came, `ms` after the question. */
  began(model: string, ms: number): void;
  /** Once for each `asked`. `isOpen`: the breaker now refuses calls, or lets one through at a time. */
  ended(model: string, end: { readonly outcome: ModelOutcome; readonly isOpen: boolean }): void;
}

/** `cancelled` is also a reader that left. */
export type ModelOutcome = 'ok' | ErrorCode;

export interface SharedModelOptions {
  /** The name callers ask for. */
  readonly name: string;
  readonly model: LanguageModel;
  /** Calls in flight. */
  readonly capacity: number;
  readonly clock: Clock;
  /** Numbers in [0, 1), to spread retries. */
  readonly random: () => number;
  readonly observer?: ModelObserver;
}

/** What the provider counted, or an estimate where it counted nothing. */
export interface SettledUsage extends TokenUsage {
  readonly estimated: boolean;
}

/** As {@link ModelEvent}, but that the end always knows its usage. */
export type SharedModelEvent = Exclude<ModelEvent, { type: 'usage' }> | { readonly type: 'usage'; readonly usage: SettledUsage };

/** A named model that many share: calls in flight are bounded and handed out fairly by tokens, and a dead provider is left alone for a while. */
export class SharedModel implements Disposable {
  readonly name: string;
  readonly #model: LanguageModel;
  readonly #gate: FairGate;
  readonly #breaker: CircuitBreaker;
  readonly #clock: Clock;
  readonly #observer: ModelObserver | undefined;

  constructor({ name, model, capacity, clock, random, observer }: SharedModelOptions) {
    this.name = name;
    this.#model = model;
    this.#clock = clock;
    this.#observer = observer;
    this.#breaker = new CircuitBreaker(clock, name);
    // One user, and one service, always leaves a place to others.
    const others = Math.max(1, capacity - 1);
    this.#gate = new FairGate({ name: `model ${name}`, clock, random, capacity, maxRunningPerUser: others, maxRunningPerGroup: others });
  }

  /** The model's steps, `usage` always among them and last. Rejects as {@link LanguageModel.stream} and {@link FairGate.enter} do. */
  async *stream(request: ModelRequest, { caller, signal, deadlineAt, meter }: ModelCaller): AsyncGenerator<SharedModelEvent> {
    const cost = estimateUsage(request.messages, '').inputTokens;
    using permit = await this.#gate.enter({ ...flowOf(caller), cost, signal, deadlineAt });
    const settle = this.#breaker.begin();
    const askedAt = this.#clock.monotonic();
    this.#observer?.asked(this.name);
    let verdict: Verdict = 'neither';
    let outcome: ModelOutcome = 'cancelled';
    let written = '';
    let counted: TokenUsage | undefined;
    try {
      for await (const event of this.#model.stream(request, { signal })) {
        if (verdict !== 'good') this.#observer?.began(this.name, this.#clock.monotonic() - askedAt);
        verdict = 'good';
        if (event.type === 'usage') counted = event.usage;
        else yield event;
        if (event.type === 'text') written += event.text;
        if (event.type === 'tool_call') written += event.call.arguments;
      }
      throwIfAborted(signal);
      outcome = 'ok';
      yield { type: 'usage', usage: settled(counted, request, written) };
    } catch (failure) {
      verdict = verdictOf(failure, signal);
      outcome = toPolymniaError(failure).code;
      throw failure;
    } finally {
      settle(verdict);
      this.#observer?.ended(this.name, { outcome, isOpen: this.#breaker.isOpen });
      const { inputTokens, outputTokens } = settled(counted, request, written);
      meter.add(inputTokens + outputTokens);
      permit.release(inputTokens + outputTokens);
    }
  }

  [Symbol.dispose](): void {
    this.#gate.close();
  }
}

function settled(counted: TokenUsage | undefined, request: ModelRequest, written: string): SettledUsage {
  return counted === undefined ? { ...estimateUsage(request.messages, written), estimated: true } : { ...counted, estimated: false };
}

/** What the caller did (went away, asked too much) and a provider that is merely busy say nothing against the model. */
function verdictOf(failure: unknown, signal: AbortSignal): Verdict {
  if (signal.aborted) return 'neither';
  const { code } = toPolymniaError(failure);
  return code === 'upstream_failed' || code === 'timed_out' ? 'bad' : 'neither';
}
