import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stemEnglish } from './porter-stemmer.ts';

/** The examples of Porter's paper, each taken through all steps. */
const EXPECTED: Readonly<Record<string, string>> = {
  caresses: 'caress',
  ponies: 'poni',
  ties: 'ti',
  caress: 'caress',
  cats: 'cat',
  feed: 'feed',
  agreed: 'agre',
  plastered: 'plaster',
  bled: 'bled',
  motoring: 'motor',
  sing: 'sing',
  conflated: 'conflat',
  troubled: 'troubl',
  sized: 'size',
  hopping: 'hop',
  tanned: 'tan',
  falling: 'fall',
  hissing: 'hiss',
  fizzed: 'fizz',
  failing: 'fail',
  filing: 'file',
  happy: 'happi',
  sky: 'sky',
  relational: 'relat',
  conditional: 'condit',
  rational: 'ration',
  valenci: 'valenc',
  digitizer: 'digit',
  conformabli: 'conform',
  radicalli: 'radic',
  differentli: 'differ',
  vileli: 'vile',
  analogousli: 'analog',
  vietnamization: 'vietnam',
  predication: 'predic',
  operator: 'oper',
  feudalism: 'feudal',
  decisiveness: 'decis',
  hopefulness: 'hope',
  callousness: 'callous',
  formaliti: 'formal',
  sensitiviti: 'sensit',
  sensibiliti: 'sensibl',
  triplicate: 'triplic',
  formative: 'form',
  formalize: 'formal',
  electriciti: 'electr',
  electrical: 'electr',
  goodness: 'good',
  revival: 'reviv',
  allowance: 'allow',
  inference: 'infer',
  airliner: 'airlin',
  gyroscopic: 'gyroscop',
  adjustable: 'adjust',
  defensible: 'defens',
  irritant: 'irrit',
  replacement: 'replac',
  adjustment: 'adjust',
  dependent: 'depend',
  adoption: 'adopt',
  homologou: 'homolog',
  communism: 'commun',
  activate: 'activ',
  angulariti: 'angular',
  homologous: 'homolog',
  effective: 'effect',
  bowdlerize: 'bowdler',
  probate: 'probat',
  rate: 'rate',
  cease: 'ceas',
  controll: 'control',
  roll: 'roll',
  generalizations: 'gener',
  oscillators: 'oscil',
  psychology: 'psycholog',
  is: 'is',
};

describe('stemEnglish', () => {
  it.each(Object.entries(EXPECTED))('%s → %s', (word, stem) => {
    expect(stemEnglish(word)).toBe(stem);
  });

  it('brings the forms of a word together', () => {
    for (const forms of [
      ['connect', 'connected', 'connecting', 'connection', 'connections'],
      ['volunteer', 'volunteers', 'volunteered', 'volunteering'],
    ]) {
      expect(new Set(forms.map(stemEnglish)).size).toBe(1);
    }
  });

  it('keeps the alphabet and never grows a word', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{0,40}$/), (word) => {
        const stem = stemEnglish(word);
        expect(stem).toMatch(/^[a-z]*$/);
        expect(stem.length).toBeLessThanOrEqual(word.length);
        expect(stem === '').toBe(word === '');
      }),
    );
  });

  it('stays linear on long runs of y', () => {
    const started = performance.now();
    stemEnglish('y'.repeat(100_000));
    expect(performance.now() - started).toBeLessThan(200);
  });
});
