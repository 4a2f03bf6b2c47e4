import { throwIfAborted } from '../../../kernel/abort.ts';
import type { Passage } from '../model.ts';
import type { LanguageModel, ModelEvent, ModelRequest } from '../ports.ts';
import { estimateUsage } from './token-estimate.ts';

/** The name of the model there is when none is configured. */
export const OFFLINE_MODEL = 'offline/extractive';

const MAX_QUOTES = 3;
const MAX_QUOTE_CHARACTERS = 400;
/** Words so common that sharing them says nothing. */
const COMMON = new Set(
  'a an and are as at be but by can did do does for from had has have how i in is it its me my of on or our that the their there they this to was we were what when where which who why will with you your'.split(
    ' ',
  ),
);

const SETUP =
  'No language model is set up on this server, so this answer only quotes what is stored. To set one up, start the server with OPENAI_API_KEY or ANTHROPIC_API_KEY, or with CHAT_MODEL_URL and CHAT_MODEL for a local server such as Ollama (CHAT_MODEL_URL=http://127.0.0.1:11434/v1).';

/** Answers without a language model: the best sentences of what was recalled, word for word, with their sources. Deterministic. */
export const extractiveModel: LanguageModel = {
  async *stream(request: ModelRequest, { signal }): AsyncGenerator<ModelEvent> {
    const parts = [`[${OFFLINE_MODEL}] `, ...quotes(request), SETUP];
    for (const text of parts) {
      throwIfAborted(signal);
      yield { type: 'text', text };
    }
    yield { type: 'finish', reason: 'stop' };
    yield { type: 'usage', usage: estimateUsage(request.messages, parts.join('')) };
  },
};

interface Sentence extends Passage {
  readonly score: number;
}

function quotes({ messages, passages }: ModelRequest): readonly string[] {
  const question = wordsOf(messages.findLast(({ role }) => role === 'user')?.content ?? '');
  const sentences = passages.flatMap(({ source, text }) => sentencesOf(text).map((each) => ({ source, text: each, score: scoreOf(each, question) })));
  const best = sentences.toSorted((a, b) => b.score - a.score).slice(0, MAX_QUOTES);
  if (best.length === 0) return ['Nothing stored bears on this.\n\n'];
  return ['From what is stored:\n', ...best.map((sentence) => quote(sentence)), '\n'];
}

function quote({ text, source }: Sentence): string {
  const shown = text.length > MAX_QUOTE_CHARACTERS ? `${text.slice(0, MAX_QUOTE_CHARACTERS).toWellFormed()}…` : text;
  return `- “${shown}” [${source}]\n`;
}

function sentencesOf(text: string): readonly string[] {
  return text
    .split(/(?<=[.!?…。])\s+|\n+/u)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '');
}

function wordsOf(text: string): ReadonlySet<string> {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return new Set(words.filter((word) => !COMMON.has(word)));
}

/** Words shared with the question; of two alike the shorter sentence says it more plainly. */
function scoreOf(sentence: string, question: ReadonlySet<string>): number {
  const words = wordsOf(sentence);
  const shared = [...words].filter((word) => question.has(word)).length;
  return shared / Math.sqrt(words.size + 1);
}
