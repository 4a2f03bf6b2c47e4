import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

const ANSWER_LIMIT_MS = 180_000;

/** A program of the bench in a process of its own that answers what it is asked, in order. Ended when disposed. */
export class AskedProcess<Message extends object, Answer> implements AsyncDisposable {
  readonly #child: ChildProcess;

  /** `program` is the path of its file. */
  constructor(program: string) {
    this.#child = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }

  /** Its answer; rejects when it ends or stays silent. One at a time. */
  async ask(message: Message): Promise<Answer> {
    using listening = listen<Answer>(this.#child);
    this.#child.send(message);
    return await listening.answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }
}

/** The next answer of the process. Disposing it stops listening. */
function listen<Answer>(child: ChildProcess): Disposable & { readonly answer: Promise<Answer> } {
  const { promise: answer, resolve, reject } = Promise.withResolvers<Answer>();
  const onMessage = (message: unknown): void => resolve(message as Answer);
  const onExit = (): void => reject(new Error('a process of the bench ended'));
  const timer = setTimeout(() => reject(new Error('a process of the bench does not answer')), ANSWER_LIMIT_MS);
  child.once('message', onMessage).once('exit', onExit);
  return {
    answer,
    [Symbol.dispose]() {
      clearTimeout(timer);
      child.off('message', onMessage).off('exit', onExit);
    },
  };
}
