import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ModelObserver } from '../domains/conversation/index.ts';

const FIRST_TOKEN_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60];

/** Metrics of language models. A model's name is configuration, so it may be a label. */
export class ModelMetrics implements ModelObserver {
  readonly #calls: Counter;
  readonly #firstToken: Histogram;
  readonly #inFlight: Gauge;
  readonly #open: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#calls = new Counter({
      name: 'polymnia_model_calls_total',
      help: 'Calls a language model was asked, by outcome.',
      labelNames: ['model', 'outcome'],
      registers,
    });
    this.#firstToken = new Histogram({
      name: 'polymnia_model_first_token_seconds',
      help: 'Time from asking a language model to the first step of its answer, retries included.',
      labelNames: ['model'],
      buckets: FIRST_TOKEN_SECONDS,
      registers,
    });
    this.#inFlight = new Gauge({ name: 'polymnia_model_in_flight', help: 'Calls a language model is answering.', labelNames: ['model'], registers });
    this.#open = new Gauge({
      name: 'polymnia_model_breaker_open',
      help: '1 while a language model that kept failing is left alone, but for one call at a time that tries it.',
      labelNames: ['model'],
      registers,
    });
  }

  asked(model: string): void {
    this.#inFlight.inc({ model });
  }

  began(model: string, ms: number): void {
    this.#firstToken.observe({ model }, ms / 1000);
  }

  ended(model: string, { outcome, isOpen }: Parameters<ModelObserver['ended']>[1]): void {
    this.#inFlight.dec({ model });
    this.#calls.inc({ model, outcome });
    this.#open.set({ model }, Number(isOpen));
  }
}
