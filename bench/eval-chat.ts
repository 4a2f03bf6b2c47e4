/**
 * `npm run eval:chat`: is what was told in one conversation before the model in another? Through the running server, 50 users at once:
 * each tells a dozen facts amid chatter in one conversation, asks for some of them in others, through all doors, chats on and asks for
 * the rest. The model only listens: a question counts when the prompt holds the name that was told. Fails when any prompt holds one
 * that another user told. With `EMBEDDING_URL` and `EMBEDDING_MODEL` in the environment recall goes by meaning as well.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ListeningModel } from './support/listening-model.ts';
import { newUser, NO_RATES, rest } from './support/rest.ts';
import { type ServerProcess, startServerProcess } from './support/server-process.ts';
import { DOORS, type Talker } from './support/three-doors.ts';
import { type Fact, People, type Person } from './support/told-facts.ts';

const USERS = 50;
const SEED = 5;
/** Exchanges between the telling and a late question. */
const BURIED_UNDER = 40;
/** Times a question was asked before, and answered without the fact. */
const ASKED_BEFORE = 6;
const AT_ONCE = ['same words', 'paraphrase', 'no word in common'] as const;
const LATE = ['same words, late', 'paraphrase, late', 'asked 6 times before'] as const;
const KINDS = [...AT_ONCE, ...LATE];
type Kind = (typeof KINDS)[number];
/** What is looked at is what is found, not how soon: 50 users who never pause keep a small machine busier than people do. */
const CHAT_RECALL_TIMEOUT = '20000';

interface Answered {
  readonly kind: Kind;
  readonly door: string;
  /** The prompt held the fact. */
  readonly isMet: boolean;
}

interface Ground {
  readonly server: ServerProcess;
  readonly model: ListeningModel;
  readonly people: People;
}

/** One user on the way through the evaluation. */
class Visitor {
  readonly person: Person;
  readonly answered: Answered[] = [];
  prompts = 0;
  /** Names of others in prompts. */
  foreign = 0;
  readonly #number: number;
  readonly #talker: Talker;
  readonly #ground: Ground;

  constructor(number: number, talker: Talker, ground: Ground) {
    this.person = ground.people.person(number);
    this.#number = number;
    this.#talker = talker;
    this.#ground = ground;
  }

  async visit(): Promise<void> {
    const { facts } = this.person;
    for (const { told } of facts) await this.#tell(told, this.person.chatter());
    await this.#askAll(facts, AT_ONCE);
    for (let n = 0; n < BURIED_UNDER; n++) await this.#tell(this.person.chatter());
    await this.#askAll(facts, LATE);
  }

  /** All in one conversation, through one door. */
  async #tell(...messages: readonly string[]): Promise<void> {
    for (const message of messages) await this.#say(this.#number, message, 'telling');
  }

  /** Which fact is asked for in which way differs from user to user. */
  async #askAll(facts: readonly Fact[], kinds: readonly Kind[]): Promise<void> {
    for (const [at, fact] of facts.entries()) {
      const kind = KINDS[(at + this.#number) % KINDS.length];
      if (kind !== undefined && kinds.includes(kind)) await this.#ask(fact, kind, at);
    }
  }

  async #ask(fact: Fact, kind: Kind, at: number): Promise<void> {
    const question = questionOf(fact, kind);
    const before = kind === 'asked 6 times before' ? ASKED_BEFORE : 0;
    for (let n = 0; n < before; n++) await this.#say(at + n, question);
    const { door, prompt } = await this.#say(at, question);
    this.answered.push({ kind, door, isMet: prompt.includes(fact.name) });
  }

  async #say(at: number, message: string, conversation?: string): Promise<{ readonly door: string; readonly prompt: string }> {
    const { server, model, people } = this.#ground;
    const doors = Object.entries(DOORS);
    const [door, say] = doors[at % doors.length] ?? [];
    if (door === undefined || say === undefined) throw new Error('there are no doors');
    const prompt = model.takePrompt(await say(server, this.#talker, message, conversation));
    this.prompts += 1;
    this.foreign += people.foreignIn(prompt, this.#number).length;
    return { door, prompt };
  }
}

function questionOf({ sameWords, paraphrase, otherWords }: Fact, kind: Kind): string {
  if (kind === 'no word in common') return otherWords;
  return kind.startsWith('paraphrase') ? paraphrase : sameWords;
}

/** Every other one has a key of their own; the others come through a service. */
async function talkersOf(server: ServerProcess): Promise<readonly Talker[]> {
  const service = await newUser(server, 'service');
  const wish = { userId: service.id, name: 'eval', scopes: ['memory:read', 'memory:write', 'chat', 'on_behalf'] };
  const { secret } = await rest<{ secret: string }>(server, server.key, 'POST', '/keys', wish);
  const talkers: Talker[] = [];
  for (let number = 0; number < USERS; number++) {
    talkers.push(number % 2 === 0 ? await newUser(server, `talker ${number}`) : { key: secret, onBehalfOf: `+49 30 ${number}` });
  }
  return talkers;
}

function printTable(title: string, names: readonly string[], answered: readonly Answered[], by: (each: Answered) => string): void {
  console.log(`\n${title.padEnd(22)}questions   in the prompt`);
  for (const name of names) {
    const of = answered.filter((each) => by(each) === name);
    const share = ((100 * of.filter(({ isMet }) => isMet).length) / of.length).toFixed(1);
    console.log(`${name.padEnd(22)}${String(of.length).padStart(9)}${share.padStart(14)} %`);
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { main: { type: 'string' } } });
  using model = new ListeningModel();
  const options = { ...NO_RATES, ...(await model.listen()), CHAT_RECALL_TIMEOUT };
  await using server = await startServerProcess(options, values.main === undefined ? {} : { main: resolve(values.main) });
  const people = new People(SEED);
  const visitors = (await talkersOf(server)).map((talker, number) => new Visitor(number, talker, { server, model, people }));
  const started = performance.now();
  await Promise.all(visitors.map((visitor) => visitor.visit()));
  const seconds = (performance.now() - started) / 1000;
  const sum = (count: (visitor: Visitor) => number): number => visitors.reduce((total, visitor) => total + count(visitor), 0);
  const prompts = sum((visitor) => visitor.prompts);
  const foreign = sum((visitor) => visitor.foreign);
  const answered = visitors.flatMap((visitor) => visitor.answered);
  console.log(`${USERS} users at once, ${sum(({ person }) => person.facts.length)} facts, ${prompts} exchanges in ${seconds.toFixed(1)} s`);
  printTable('how it is asked', KINDS, answered, ({ kind }) => kind);
  printTable('through which door', Object.keys(DOORS), answered, ({ door }) => door);
  console.log(`\nfacts of other users in ${prompts} prompts: ${foreign}`);
  return foreign === 0 ? 0 : 1;
}

process.exitCode = await main();
