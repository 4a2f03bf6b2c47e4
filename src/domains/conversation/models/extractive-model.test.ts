import { expect, it } from 'vitest';
import type { Passage } from '../model.ts';
import { extractiveModel } from './extractive-model.ts';

const signal = new AbortController().signal;

async function answer(question: string, passages: readonly Passage[]): Promise<string> {
  const events = await Array.fromAsync(extractiveModel.stream({ messages: [{ role: 'user', content: question }], passages }, { signal }));
  expect(events.slice(-2).map(({ type }) => type)).toEqual(['finish', 'usage']);
  return events.map((event) => (event.type === 'text' ? event.text : '')).join('');
}

const PASSAGES = [
  { source: 'mem_a', text: 'The office cat is called Miso. Deployments happen on Tuesdays. Lunch is at noon.' },
  { source: 'mem_b', text: 'We never deploy on Fridays!' },
];

it('quotes the best sentences with their sources, the same each time, and says how to set a model up', async () => {
  const text = await answer('When do deployments happen?', PASSAGES);
  expect(text.indexOf('“Deployments happen on Tuesdays.” [mem_a]')).toBeGreaterThan(0);
  expect(text.match(/“/g)).toHaveLength(3);
  expect(text.indexOf('Tuesdays')).toBe(
    Math.min(...['Tuesdays', 'Miso', 'Lunch', 'Fridays'].map((word) => text.indexOf(word)).filter((at) => at >= 0)),
  );
  expect(text).toMatch(/^\[offline\/extractive\]/);
  expect(text).toContain('No language model is set up');
  expect(text).toContain('OPENAI_API_KEY');
  expect(await answer('When do deployments happen?', PASSAGES)).toBe(text);
});

it('says that nothing is stored', async () => {
  expect(await answer('When?', [])).toContain('Nothing stored bears on this.');
});
