import type { Clock } from '../../../kernel/clock.ts';
import type { PolymniaError } from '../../../kernel/errors.ts';
import type { FinishReason, ToolCall, ToolStep, TurnState } from '../model.ts';
import type { SettledUsage } from '../models/shared-model.ts';
import type { RecallReport } from '../recall.ts';
import { TurnLog } from './turn-log.ts';

/** What became of a turn. */
export interface TurnOutcome {
  readonly state: Extract<TurnState, 'done' | 'stopped' | 'failed'>;
  readonly text: string;
  readonly steps: readonly ToolStep[];
  readonly model?: string;
  readonly finishReason?: FinishReason;
  readonly usage?: SettledUsage;
  readonly recall?: RecallReport;
  /** Why it failed, or was stopped. */
  readonly error?: PolymniaError;
}

/** Where a turn is kept; an answer that is not to be kept has none. */
export interface TurnPlace {
  readonly uuid: string;
  readonly conversation: string;
  readonly number: number;
  /** Nothing of it is remembered. */
  readonly isTemporary: boolean;
}

/** A turn while it waits and runs: everything of it that changes is here, and goes with it. */
export class Turn {
  readonly place: TurnPlace | undefined;
  readonly log: TurnLog;
  /** Fulfils with what became of it once that is on disk; never rejects. */
  readonly ended: Promise<TurnOutcome>;
  readonly signal: AbortSignal;
  state: TurnState = 'queued';
  /** UTC ms. */
  startedAt: number | undefined;
  text = '';
  readonly steps: ToolStep[] = [];
  /** Calls of the client's own functions. */
  readonly clientCalls: ToolCall[] = [];
  model: string | undefined;
  recall: RecallReport | undefined;
  finishReason: FinishReason | undefined;
  inputTokens = 0;
  outputTokens = 0;
  isEstimated = false;
  readonly #abort = new AbortController();
  readonly #ended = Promise.withResolvers<TurnOutcome>();

  constructor(place: TurnPlace | undefined, clock: Clock) {
    this.place = place;
    this.log = new TurnLog(clock);
    this.ended = this.#ended.promise;
    this.signal = this.#abort.signal;
  }

  /** Ends it for this reason; what it has said so far stays. */
  abort(reason: PolymniaError): void {
    this.#abort.abort(reason);
  }

  /** To be called once, when the outcome is on disk. */
  end(outcome: TurnOutcome): void {
    this.state = outcome.state;
    const { state, error } = outcome;
    const why = state !== 'failed' || error === undefined ? {} : { error: { code: error.code, message: error.message } };
    this.log.add({ type: 'end', state, ...why });
    this.log.close();
    this.#ended.resolve(outcome);
  }
}
