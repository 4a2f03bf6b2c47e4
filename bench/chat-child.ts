/** The process of simulated people who talk with a server: commands come by IPC, and it ends with its parent. */
import { createSeededRandom } from '../src/kernel/seeded-random.ts';
import { createTextSource } from '../src/surfaces/cli/load/texts.ts';
import { answerParent } from './support/answer-parent.ts';
import { ChatDoor } from './support/chat-door.ts';
import { type ChatAnswer, type ChatCommand, chatCommand, type ChatPlan, chatPlan } from './support/chat-plan.ts';
import { ChatTally } from './support/chat-tally.ts';
import { machineNow } from './support/stamp.ts';
import { type Company, Talker } from './support/talker.ts';
import { Wheel } from './support/wheel.ts';

/** How often this process looks how late it is. */
const BEAT_MS = 10;

class ChatWorker {
  readonly #keys: readonly string[];
  /** Of this run, so that its conversations are new ones. */
  readonly #name = `bench-${process.pid}-${Math.round(machineNow())}`;
  readonly #company: Company;
  readonly #people: Talker[] = [];
  readonly #tallies = new Map<string, ChatTally>();
  #recordedAt = machineNow();

  constructor({ url, keys, seed, pauseMs: [least, most] }: ChatPlan) {
    const random = createSeededRandom(seed);
    const pauseMs = (): number => least + random() * (most - least);
    this.#keys = keys;
    this.#company = { door: new ChatDoor(url), wheel: new Wheel(), texts: createTextSource(random), model: '', tally: new ChatTally(), pauseMs };
    this.#beat();
  }

  obey(command: ChatCommand): ChatAnswer {
    if (command.do === 'talk') this.#talk(command);
    else if (command.do === 'stop') for (const person of this.#people) person.hangUp();
    else if (command.do === 'record') this.#record(command.name);
    return command.do === 'collect' ? { counted: [...this.#tallies].map(([name, tally]) => tally.dump(name)) } : {};
  }

  #talk({ people, model, overMs }: ChatCommand & { readonly do: 'talk' }): void {
    this.#company.model = model;
    while (this.#people.length < people) this.#people.push(this.#newcomer(this.#people.length));
    for (const person of this.#people.slice(people)) person.leave();
    const idle = this.#people.slice(0, people).filter(({ isTalking }) => !isTalking);
    for (const [at, person] of idle.entries()) person.start((overMs * at) / idle.length);
  }

  #newcomer(at: number): Talker {
    return new Talker(this.#company, { key: this.#keys[at % this.#keys.length] ?? '', conversation: `${this.#name}-${at}` });
  }

  #record(name: string): void {
    const now = machineNow();
    const before = this.#company.tally;
    before.seconds += (now - this.#recordedAt) / 1000;
    before.lateness.add(this.#company.wheel.takeLateness());
    this.#recordedAt = now;
    const tally = this.#tallies.get(name) ?? new ChatTally();
    if (name !== '') this.#tallies.set(name, tally);
    this.#company.tally = tally;
  }

  #beat(): void {
    this.#company.wheel.at(machineNow() + BEAT_MS, () => this.#beat());
  }
}

let worker: ChatWorker | undefined;

answerParent((message): ChatAnswer => {
  if (worker !== undefined) return worker.obey(chatCommand.parse(message));
  worker = new ChatWorker(chatPlan.parse(message));
  return {};
});
