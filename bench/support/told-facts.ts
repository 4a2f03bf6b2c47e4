import { createSeededRandom } from '../../src/kernel/seeded-random.ts';

/** Something a user tells, and ways to ask for it. All users tell the same kinds of things; only the name in them differs. */
export interface Fact {
  /** Made up, and no other user's or fact's. */
  readonly name: string;
  readonly told: string;
  /** In the words of the telling. */
  readonly sameWords: string;
  /** As someone who has forgotten how it was said: a word or two are the same. */
  readonly paraphrase: string;
  /** With no word of the telling but those that are in every sentence. */
  readonly otherWords: string;
}

interface FactForm {
  /** Each with the question in its words. */
  readonly tellings: readonly (readonly [told: string, question: string])[];
  readonly paraphrase: string;
  readonly otherWords: string;
}

const GAP = '{}';
const FORMS: readonly FactForm[] = [
  {
    tellings: [
      ['My sister is called {}, she is two years older than me.', 'What is my sister called?'],
      ['By the way, the name of my older sister is {}.', 'What is the name of my older sister?'],
    ],
    paraphrase: 'Do you remember who my sister is?',
    otherWords: 'How do I address the woman I shared a room with as a child?',
  },
  {
    tellings: [
      ['We got a dog last spring and named him {}.', 'What did we name the dog we got last spring?'],
      ['Our dog answers to {} and to nothing else.', 'To which name does our dog answer?'],
    ],
    paraphrase: 'What is our dog called?',
    otherWords: 'How do I call the puppy?',
  },
  {
    tellings: [
      ['I work as a bookkeeper for a company called {}.', 'For which company do I work as a bookkeeper?'],
      ['Since March I have been working at {}, a company that makes pumps.', 'At which company have I been working since March?'],
    ],
    paraphrase: 'Where do I work?',
    otherWords: 'Who pays my salary?',
  },
  {
    tellings: [
      ['The doctor says that I am allergic to the antibiotic {}.', 'To which antibiotic am I allergic, as the doctor says?'],
      ['Keep in mind that I must never take {}: it is an antibiotic I am allergic to.', 'Which antibiotic must I never take, being allergic to it?'],
    ],
    paraphrase: 'Are there medicines I am allergic to?',
    otherWords: 'What should nurses keep away from me?',
  },
  {
    tellings: [
      ['I grew up in {}, a small town by a lake.', 'In which small town by a lake did I grow up?'],
      ['The town by the lake where I grew up is {}.', 'What is the town by the lake where I grew up?'],
    ],
    paraphrase: 'Which town am I from?',
    otherWords: 'What was home in my childhood?',
  },
  {
    tellings: [
      ['The password of our guest wifi is {}.', 'What is the password of our guest wifi?'],
      ['Visitors can use the guest wifi, its password is {}.', 'Which password do visitors use for the guest wifi?'],
    ],
    paraphrase: 'How can somebody get into our wifi?',
    otherWords: 'What do I type to connect a phone to the network?',
  },
  {
    tellings: [
      ['I have a new boss, Mrs {}, who started on Monday.', 'Who is my new boss that started on Monday?'],
      ['My boss is now Mrs {}; she came from the Lisbon office.', 'Who is my boss now, that came from the Lisbon office?'],
    ],
    paraphrase: 'Do you know the name of my boss?',
    otherWords: 'To whom do I report?',
  },
  {
    tellings: [
      ['Our favourite restaurant is the {} on the market square.', 'What is our favourite restaurant on the market square?'],
      ['If we celebrate, we book a table at the restaurant {}.', 'At which restaurant do we book a table if we celebrate?'],
    ],
    paraphrase: 'Which restaurant do we like best?',
    otherWords: 'Where should I invite a guest to dinner?',
  },
  {
    tellings: [
      ['In August we are going on holiday to {}.', 'Where are we going on holiday in August?'],
      ['We have booked our summer holiday: two weeks in {}.', 'For which place have we booked our summer holiday of two weeks?'],
    ],
    paraphrase: 'Where will we spend our holiday?',
    otherWords: 'To which place am I travelling?',
  },
  {
    tellings: [
      ['My piano teacher is Mr {}, I see him on Thursdays.', 'Who is my piano teacher that I see on Thursdays?'],
      ['I take piano lessons with Mr {}, a strict teacher.', 'With which strict teacher do I take piano lessons?'],
    ],
    paraphrase: 'Who teaches me to play the piano?',
    otherWords: 'Who gives me music instruction?',
  },
  {
    tellings: [
      ['The project I lead has the code name {}.', 'What is the code name of the project I lead?'],
      ['At the office we all call the new project {}.', 'What do we all call the new project at the office?'],
    ],
    paraphrase: 'What was the name of my project again?',
    otherWords: 'Which undertaking am I in charge of?',
  },
  {
    tellings: [
      ['We keep the spare key with our neighbours, the family {}.', 'With which neighbours do we keep the spare key?'],
      ['If we are locked out: the neighbours {} have our spare key.', 'Which neighbours have our spare key if we are locked out?'],
    ],
    paraphrase: 'Where is the spare key?',
    otherWords: 'Who can let a plumber into the flat?',
  },
];

const DAYS = ['on Monday', 'yesterday', 'last week', 'this morning', 'at the weekend', 'in the evening'];
const THINGS = [
  'a film about whales',
  'the price of coffee',
  'a bicycle tour',
  'old maps',
  'tomato soup',
  'the election',
  'a noisy lift',
  'jazz records',
];
/** Half of it is about what the facts are about, as talk is. */
const CHATTER = [
  'My sister rang me {day} and we talked about {thing}.',
  'I walked the dog {day} and thought about {thing}.',
  'At work there was a long meeting {day}, mostly about {thing}.',
  'The doctor asked me {day} about {thing}, of all things.',
  'In town they showed {thing} {day}; I did not stay long.',
  'The wifi was down {day}, so I read about {thing}.',
  'My boss likes {thing}; she told us so {day}.',
  'We had lunch in a restaurant {day} and argued about {thing}.',
  'For the holiday I would like a book about {thing}; I looked for one {day}.',
  'I practised the piano {day}, then I listened to something about {thing}.',
  'The project is late; {day} nobody spoke of it, only of {thing}.',
  'Our neighbours were loud {day}; it was about {thing} again.',
  'Could you explain {thing} to me? I did not follow what they said {day}.',
  'I slept badly {day} and dreamt of {thing}.',
  'It rained {day}, so I sorted my papers on {thing}.',
  'What do you think of {thing}? I saw something about it {day}.',
  'Somebody left a leaflet about {thing} in the stairwell {day}.',
  'I cooked for six people {day} and burnt the rice while they talked about {thing}.',
  'The train was late {day}; a child next to me spoke of {thing} all the way.',
  'I bought new shoes {day} and heard a talk on {thing}.',
] as const;

const CONSONANTS = 'bdfgklmnprstvz';
const VOWELS = 'aeiou';
const SYLLABLES = 4;
const NAME = /\b[A-Z][a-z]{7}\b/g;

/** What one user tells and talks about. */
export interface Person {
  readonly facts: readonly Fact[];
  /** Something that says nothing to be remembered. */
  chatter(): string;
}

/** People who all tell the same kinds of things; the same in every run. */
export class People {
  readonly #seed: number;
  readonly #random: () => number;
  readonly #owners = new Map<string, number>();

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = createSeededRandom(seed);
  }

  /** The next one is to be asked for with the next number, from 0. */
  person(number: number): Person {
    const random = createSeededRandom(this.#seed + 1 + number);
    const facts = FORMS.map(({ tellings, paraphrase, otherWords }, at) => {
      const name = this.#newName(number);
      const [told, sameWords] = tellings[(number + at) % tellings.length] ?? ['', ''];
      return { name, told: told.replace(GAP, name), sameWords, paraphrase, otherWords };
    });
    return { facts, chatter: () => pick(random, CHATTER).replace('{day}', pick(random, DAYS)).replace('{thing}', pick(random, THINGS)) };
  }

  /** Names in a text that others have told. */
  foreignIn(text: string, number: number): readonly string[] {
    return [...text.matchAll(NAME)].map(([name]) => name).filter((name) => (this.#owners.get(name) ?? number) !== number);
  }

  #newName(number: number): string {
    const letters = Array.from({ length: SYLLABLES }, () => pick(this.#random, CONSONANTS) + pick(this.#random, VOWELS)).join('');
    const name = `${letters.charAt(0).toUpperCase()}${letters.slice(1)}`;
    if (this.#owners.has(name)) return this.#newName(number);
    this.#owners.set(name, number);
    return name;
  }
}

function pick<Item>(random: () => number, from: ArrayLike<Item>): Item {
  return from[Math.floor(random() * from.length)] as Item;
}
