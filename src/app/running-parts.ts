/** A part of the server that must be ended, with the name a log line gives it. */
interface Part {
  readonly name: string;
  readonly end: () => Promise<void> | void;
}

/**
 * What has been started, to be ended in reverse order: users first, then workers, then stores. Every part is ended even if one
 * before it fails; the first failure is thrown at last. Ending twice does nothing.
 */
export class RunningParts implements AsyncDisposable {
  readonly #parts: Part[] = [];
  #ending: Promise<void> | undefined;

  /** Adds a resource; gives it back. */
  own<T extends AsyncDisposable | Disposable>(name: string, part: T): T {
    this.onEnd(name, () => (Symbol.asyncDispose in part ? Promise.resolve(part[Symbol.asyncDispose]()) : part[Symbol.dispose]()));
    return part;
  }

  onEnd(name: string, end: () => Promise<void> | void): void {
    this.#parts.push({ name, end });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    const failures: Error[] = [];
    for (const { name, end } of this.#parts.reverse()) {
      try {
        await end();
      } catch (error) {
        failures.push(new Error(`ending ${name} failed`, { cause: error }));
      }
    }
    if (failures[0] !== undefined) throw failures[0];
  }
}
