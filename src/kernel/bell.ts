/** Wakes one waiter; a ring before the wait is not lost. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves at the next ring, or at once after one that nobody waited for. */
  async rung(): Promise<void> {
    if (!this.#rung) await new Promise<void>((resolve) => void (this.#wake = resolve));
    this.#rung = false;
    this.#wake = undefined;
  }
}
