import { z } from 'zod';
import { shortList } from '../../kernel/short-list.ts';
import { flag } from './inputs.ts';
import { SYMBOL_KINDS } from './model.ts';

const MAX_QUERY = 1_000;
const MAX_NAME = 200;
const MAX_PATH = 4_096;
const MAX_LISTED = 32;
const MAX_GLOB = 300;

const text = (max: number): z.ZodString =>
  z
    .string()
    .min(1)
    .max(max)
    .overwrite((value) => value.toWellFormed());

/** A list, or one text with commas between, as query strings have it. */
function listOf<Item extends z.ZodType>(item: Item, max = MAX_LISTED): z.ZodPreprocess<z.ZodPreprocess<z.ZodArray<Item>>> {
  const split = (value: unknown): unknown => (typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value);
  return z.preprocess(split, shortList(max, z.array(item).min(1).max(max)));
}

const spaceField = z.string().max(64).describe('Id of a space (space_…, whoami lists them); left out = your personal space.');
const spacesField = z
  .union([z.literal('all'), listOf(z.string().max(64), 8)])
  .describe('Several spaces by id (up to 8), or "all". Instead of space.');

/** What narrows a search, the same for code and for symbols. */
const filters = {
  repositories: listOf(text(128)).optional().describe('Only these repositories, by name or id (repo_…); left out = all of the spaces.'),
  languages: listOf(text(40)).optional().describe('Only files in these languages, e.g. python, typescript, go, markdown.'),
  paths: listOf(text(MAX_GLOB), 16).optional().describe('Only files whose path fits one of these globs, e.g. src/**, *.test.ts, **/{api,http}/*.go.'),
  kinds: listOf(z.enum(SYMBOL_KINDS))
    .optional()
    .describe(`Only within definitions of these kinds: ${SYMBOL_KINDS.join(', ')}.`),
  space: spaceField.optional(),
  spaces: spacesField.optional(),
};

const maxTokensField = z.coerce
  .number()
  .int()
  .min(200)
  .max(100_000)
  .default(8_000)
  .describe('Size of the answer at most, in tokens of a usual model, roughly; what does not fit is left to the next page.');

export const searchCodeInput = z.strictObject({
  query: text(MAX_QUERY).describe(
    'What to look for: a question, words or names ("retry with backoff", getUserById), exact text (mode exact, or "in quotes"), or an expression in RE2 syntax (mode regex, or /between slashes/).',
  ),
  mode: z
    .enum(['auto', 'words', 'exact', 'regex'])
    .default('auto')
    .describe('auto tells by the query: text with code punctuation is looked for as it is, then by its words.'),
  caseSensitive: flag.optional().describe('For exact and regex. Left out: exact heeds case when the query has capitals, regex always.'),
  ...filters,
  limit: z.coerce.number().int().min(1).max(50).default(10).describe('Files at most.'),
  cursor: z.string().max(256).optional().describe('nextCursor of the page before; everything else must stay the same.'),
  maxTokens: maxTokensField,
});

export const findSymbolInput = z.strictObject({
  name: text(MAX_NAME).describe('Name of a function, class, method … as it is defined, without its container.'),
  match: z
    .enum(['auto', 'exact', 'prefix', 'fuzzy'])
    .default('auto')
    .describe('auto: exactly (in any case), else names that begin so, else names like it. fuzzy forgives typing errors, not in the first letter.'),
  references: flag.default(false).describe('Also where it is used, by name: each file says how sure it is.'),
  ...filters,
  limit: z.coerce.number().int().min(1).max(100).default(20).describe('Definitions at most.'),
});

export const readCodeInput = z
  .strictObject({
    repository: z.string().max(64).describe('Id of a repository (repo_…), as search results and list_repositories give it.'),
    path: text(MAX_PATH).optional().describe('Path of a file in the repository, as search results give it.'),
    symbol: text(MAX_NAME).optional().describe('Read the body of this definition; path and container tell several of one name apart.'),
    container: text(MAX_NAME).optional().describe('Name of the class or other definition around the symbol.'),
    from: z.coerce.number().int().min(1).default(1).describe('First line, from 1.'),
    to: z.coerce.number().int().min(1).optional().describe('Last line, included; left out = as far as the limits go (2,000 lines, 200 KB).'),
    outline: flag.default(false).describe('Instead of text: what the file defines, with lines and signatures.'),
  })
  .superRefine(({ path, symbol, from, to, outline }, ctx) => {
    if (path === undefined && symbol === undefined) ctx.addIssue({ code: 'custom', path: ['path'], message: 'give path, symbol or both' });
    if (outline && (path === undefined || symbol !== undefined)) {
      ctx.addIssue({ code: 'custom', path: ['outline'], message: 'outline is about a file: give path and no symbol' });
    }
    if (to !== undefined && to < from) ctx.addIssue({ code: 'custom', path: ['to'], message: `must be at least from (${from})` });
  });

export type SearchCodeInput = z.output<typeof searchCodeInput>;
export type FindSymbolInput = z.output<typeof findSymbolInput>;
export type ReadCodeInput = z.output<typeof readCodeInput>;
