/** The operator's wish to stop: the first signal asks, the second insists. */
export interface StopSignals extends Disposable {
  readonly first: AbortSignal;
  readonly second: AbortSignal;
}

/** Listens for SIGINT and SIGTERM until disposed. */
export function listenForStop(): StopSignals {
  const first = new AbortController();
  const second = new AbortController();
  const onSignal = (): void => (first.signal.aborted ? second.abort() : first.abort());
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return {
    first: first.signal,
    second: second.signal,
    [Symbol.dispose]: () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal),
  };
}
