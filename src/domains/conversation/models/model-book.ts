import { PolymniaError } from '../../../kernel/errors.ts';
import type { SharedModel } from './shared-model.ts';

/** A model as callers see it. */
export interface ModelListing {
  readonly name: string;
  /** The one a call without a name gets. */
  readonly isDefault: boolean;
}

/** The models this server has, by name; the first one is the default. */
export class ModelBook implements Disposable {
  readonly #models: ReadonlyMap<string, SharedModel>;
  readonly #first: SharedModel;

  /** Throws `invalid_input` for a name given twice. */
  constructor(models: readonly [SharedModel, ...SharedModel[]]) {
    this.#first = models[0];
    this.#models = new Map(models.map((model) => [model.name, model]));
    if (this.#models.size < models.length) throw new PolymniaError('invalid_input', 'Two chat models are configured under one name.');
  }

  /** The model of that name, or the default one. Rejects with `not_found`. */
  find(name: string | undefined): SharedModel {
    if (name === undefined) return this.#first;
    const model = this.#models.get(name);
    if (model !== undefined) return model;
    throw new PolymniaError('not_found', `No such model. This server has: ${[...this.#models.keys()].join(', ')}.`);
  }

  list(): readonly ModelListing[] {
    return [...this.#models.values()].map((model) => ({ name: model.name, isDefault: model === this.#first }));
  }

  [Symbol.dispose](): void {
    for (const model of this.#models.values()) model[Symbol.dispose]();
  }
}
