import { abortError } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { notFound, PolymniaError } from '../../kernel/errors.ts';
import { parseRecordId, RECORD_NOUNS } from '../../kernel/ids.ts';
import { flowOf, type OperationContext } from '../../kernel/operation.ts';
import type { QueryEmbedding } from '../memory/index.ts';
import { type PublishedIndex, REPOSITORY_KIND } from './model.ts';
import type { IndexFolders, SyncJobs } from './ports.ts';
import type { CodeHits, CodeIndex, FileFilter, FileHit, IndexCall, IndexSource, QueryVector, ReadAnswer, ReadRequest } from './search/code-index.ts';
import { languagesNamed } from './search/words-query.ts';
import { mergeByRank } from './search/merge-by-rank.ts';
import { heedsCase, type MeantQuery, meantQuery } from './search/query-mode.ts';
import { fitTokens } from './search/token-budget.ts';
import { MAX_OFFSET, readCursor, writeCursor } from './search-cursor.ts';
import type { FindSymbolInput, ReadCodeInput, SearchCodeInput } from './search-inputs.ts';
import type { FileResult, FindSymbolOutput, ReadCodeOutput, SearchCodeOutput, SearchedRepository } from './search-outputs.ts';
import { seenRepositories, type SeenRepository, viewSearched } from './seen-repositories.ts';
import type { RepositoryStore } from './store.ts';

/** What searching is made of. */
export interface CodeSearchDeps {
  readonly store: Pick<RepositoryStore, 'get' | 'list'>;
  readonly folders: Pick<IndexFolders, 'generation' | 'vectors'>;
  readonly index: CodeIndex;
  readonly jobs: Pick<SyncJobs, 'unfinished'>;
  readonly clock: Clock;
  /** The vector of a question, or undefined when there is none in time. Absent: ranks are by words alone. */
  readonly meaning?: Pick<QueryEmbedding, 'vectorOf'>;
}

/** The use cases of reading code. Callers were admitted: `ctx.spaces` holds the spaces they may read. */
export interface CodeSearch {
  search(input: SearchCodeInput, ctx: OperationContext): Promise<SearchCodeOutput>;
  findSymbol(input: FindSymbolInput, ctx: OperationContext): Promise<FindSymbolOutput>;
  read(input: ReadCodeInput, ctx: OperationContext): Promise<ReadCodeOutput>;
}

/** Repositories of one call that are looked at at once: the others wait here, not in the line of the threads. */
const AT_ONCE = 4;
/** All of one call's work in the indexes, and what is kept to answer before the deadline. */
const MAX_BUDGET_MS = 10_000;
const ANSWER_MS = 250;
/** Repositories of one call that are compared by meaning: it looks at every vector of each. */
const MAX_BY_MEANING = 20;
const MAX_REPOSITORIES_SHOWN = 50;
const MAX_REFERENCES = 100;
const MATCH_TIERS = { exact: 3, case: 2, prefix: 1, fuzzy: 0 } as const;

export function createCodeSearch(deps: CodeSearchDeps): CodeSearch {
  return {
    search: (input, ctx) => searchCode(deps, input, ctx),
    findSymbol: (input, ctx) => findSymbol(deps, input, ctx),
    read: (input, ctx) => readCode(deps, input, ctx),
  };
}

async function searchCode(deps: CodeSearchDeps, input: SearchCodeInput, ctx: OperationContext): Promise<SearchCodeOutput> {
  checkSpaces(input);
  const offset = readCursor(input, ctx.spaces);
  const seen = await seenRepositories(deps, input.repositories, ctx);
  const meant = meantQuery(input.query, input.mode);
  const first = await searchAs(deps, seen, { input, meant, offset }, ctx);
  const useOther = meant.otherwise !== undefined && first.every(({ answer }) => (answer?.files.length ?? 0) === 0);
  const used: MeantQuery = useOther ? { mode: 'words', text: input.query } : meant;
  const answers = useOther ? await searchAs(deps, seen, { input, meant: used, offset }, ctx) : first;
  const lists = answers.map(({ at, answer }) => (answer?.files ?? []).map((file) => ({ at, file })));
  const merged = mergeByRank(lists, ({ file }) => file.tier, offset + input.limit + 1).slice(offset);
  const page = merged.slice(0, input.limit).map(({ at, file }) => fileResult(at.id, file));
  const results = fitTokens(page, input.maxTokens, shrink);
  const next = offset + results.length;
  const hasMore = results.length < merged.length || answers.some(({ answer }) => answer?.more === true && answer.files.length > 0);
  const byMeaning = used.mode === 'words' && deps.meaning !== undefined;
  const ranking = answers.some(({ answer }) => answer?.vectors !== undefined) ? 'hybrid' : 'lexical';
  return {
    mode: used.mode,
    ...(byMeaning && { ranking }),
    results,
    ...(hasMore && results.length > 0 && next <= MAX_OFFSET && { nextCursor: writeCursor(input, ctx.spaces, next) }),
    ...(results.length < page.length && { cut: true }),
    ...summary(
      deps,
      answers,
      new Set(results.map(({ repository }) => repository)),
      byMeaning && ranking === 'hybrid' ? ({ vectors }) => vectors ?? 'none' : undefined,
    ),
  };
}

interface SearchAsked {
  readonly input: SearchCodeInput;
  readonly meant: MeantQuery;
  readonly offset: number;
}

async function searchAs(
  deps: CodeSearchDeps,
  seen: readonly SeenRepository[],
  { input, meant, offset }: SearchAsked,
  ctx: OperationContext,
): Promise<readonly Searched<CodeHits>[]> {
  const { mode, text } = meant;
  const caseSensitive = heedsCase(meant, input.caseSensitive);
  const kinds = input.kinds === undefined ? {} : { kinds: input.kinds };
  // Ranks of several repositories are known only from their beginnings.
  const page = { offset: 0, limit: offset + input.limit };
  const mayCompare = mode === 'words' && seen.some(({ repository }) => repository.published?.stage === 'complete');
  const vector = mayCompare ? await deps.meaning?.vectorOf(text, ctx.signal) : undefined;
  let byMeaning = 0;
  const withVector = (): { readonly vector?: QueryVector } => (vector === undefined || ++byMeaning > MAX_BY_MEANING ? {} : { vector });
  return inEach(deps, seen, ctx, (source, call, budgetMs) =>
    deps.index.search(source, { mode, text, caseSensitive, filter: filterOf(input), ...withVector(), ...kinds, ...page, budgetMs }, call),
  );
}

async function findSymbol(deps: CodeSearchDeps, input: FindSymbolInput, ctx: OperationContext): Promise<FindSymbolOutput> {
  checkSpaces(input);
  const seen = await seenRepositories(deps, input.repositories, ctx);
  const { name, match, references, limit, kinds } = input;
  const query = { name, match, references, limit, filter: filterOf(input), ...(kinds === undefined ? {} : { kinds }) };
  const answers = await inEach(deps, seen, ctx, (source, call, budgetMs) => deps.index.symbols(source, { ...query, budgetMs }, call));
  const lists = answers.map(({ at, answer }) => (answer?.definitions ?? []).map((each) => ({ repository: at.id, ...each })));
  const merged = mergeByRank(lists, (each) => MATCH_TIERS[each.match]);
  const uses = answers.flatMap(({ at, answer }) =>
    (answer?.references ?? []).map((each) => ({ repository: at.id, ...each, lines: [...each.lines] })),
  );
  const definitions = merged.slice(0, limit);
  return {
    definitions,
    more: merged.length > limit || answers.some(({ answer }) => answer?.more === true),
    ...(references && {
      references: uses.slice(0, MAX_REFERENCES),
      moreReferences: uses.length > MAX_REFERENCES || answers.some(({ answer }) => answer?.moreReferences === true),
    }),
    ...summary(deps, answers, new Set([...definitions, ...uses].map(({ repository }) => repository))),
  };
}

async function readCode(deps: CodeSearchDeps, input: ReadCodeInput, ctx: OperationContext): Promise<ReadCodeOutput> {
  const [space] = ctx.spaces;
  const uuid = parseRecordId(REPOSITORY_KIND, input.repository)?.uuid;
  const repository = space === undefined || uuid === undefined ? undefined : await deps.store.get(space.key, uuid);
  if (space === undefined || repository === undefined) throw notFound(RECORD_NOUNS[REPOSITORY_KIND]);
  const at: SeenRepository = { id: input.repository, space, repository };
  if (repository.published === undefined) throw new PolymniaError('not_found', 'The repository has not been synced yet; call sync_repository first.');
  const request = requestOf(input);
  const [done] = await inEach(deps, [at], ctx, (source, call) => deps.index.read(source, request, call));
  if (done?.answer === undefined || done.published === undefined) throw replaced();
  return viewRead(input.repository, done.published, done.answer, input);
}

function requestOf({ path, symbol, container, from, to, outline }: ReadCodeInput): ReadRequest {
  if (symbol !== undefined) {
    return { what: 'symbol', name: symbol, ...(path !== undefined && { path }), ...(container !== undefined && { container }) };
  }
  if (outline) return { what: 'outline', path: path ?? '' };
  return { what: 'lines', path: path ?? '', from, ...(to !== undefined && { to }) };
}

function viewRead(repository: string, published: PublishedIndex, answer: ReadAnswer, { symbol }: ReadCodeInput): ReadCodeOutput {
  if (answer.found === 'nothing') {
    const near = answer.near.length > 0 ? `; near it: ${answer.near.join(', ')}` : '';
    const what = symbol === undefined ? 'file in the indexed state of the repository' : 'definition in the indexed state of the repository';
    throw new PolymniaError('not_found', `No such ${what}${near}.`, { details: { near: [...answer.near] } });
  }
  const { generation, treeId, commit } = published;
  const from = { repository, generation, treeId, ...(commit !== undefined && { commit }) };
  const { path, language, lines } = answer;
  if (answer.found === 'outline') {
    return { ...from, path, language, lines, cut: answer.more, outline: answer.symbols.map((each) => ({ ...each })) };
  }
  const { symbol: found, others } = answer;
  return {
    ...from,
    path,
    language,
    lines,
    from: answer.from,
    to: answer.to,
    text: answer.text,
    cut: answer.cut,
    ...(found !== undefined && { symbol: { ...found } }),
    ...(others !== undefined && { others: [...others] }),
  };
}

/** One repository's part of a call. */
interface Searched<T> {
  readonly at: SeenRepository;
  readonly published?: PublishedIndex;
  readonly answer?: T;
  readonly why: NonNullable<SearchedRepository['why']>;
}

type LookUp<T> = (source: IndexSource, call: IndexCall, budgetMs: number) => Promise<T | undefined>;

/** Looks into every repository that has an index, a few at once, within the call's time; what there was no time for says so. */
async function inEach<T extends object>(
  deps: CodeSearchDeps,
  seen: readonly SeenRepository[],
  ctx: OperationContext,
  lookUp: LookUp<T>,
): Promise<readonly Searched<T>[]> {
  const { caller, signal, deadlineAt, meter } = ctx;
  const call: IndexCall = { flow: flowOf(caller), signal, deadlineAt, meter };
  const endAt = Math.min(deps.clock.monotonic() + MAX_BUDGET_MS, deadlineAt - ANSWER_MS);
  const answers: Searched<T>[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < seen.length; at = next++) {
      const one = seen[at];
      if (one !== undefined) answers[at] = await inOne(deps, one, call, endAt, lookUp);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, seen.length) }, worker));
  return answers;
}

async function inOne<T extends object>(
  { store, folders, clock }: CodeSearchDeps,
  at: SeenRepository,
  call: IndexCall,
  endAt: number,
  lookUp: LookUp<T>,
): Promise<Searched<T>> {
  let { published } = at.repository;
  for (let attempt = 0; attempt < 3 && published !== undefined; attempt += 1) {
    const budgetMs = endAt - clock.monotonic();
    if (budgetMs <= 0) return { at, published, why: ['out_of_time'] };
    if (call.signal.aborted) throw abortError(call.signal);
    const { generation, stage } = published;
    const { uuid } = at.repository;
    const answer = await lookUp({ folder: folders.generation(uuid, generation), stage, vectors: folders.vectors(uuid) }, call, budgetMs);
    if (answer !== undefined) return { at, published, answer, why: 'stopped' in answer ? ['out_of_time'] : [] };
    // That generation went while it was asked for: another one is published, or the repository is gone.
    published = (await store.get(at.space.key, at.repository.uuid))?.published;
  }
  return { at, why: at.repository.published === undefined ? [] : ['being_replaced'] };
}

function summary<T>(
  { clock }: CodeSearchDeps,
  answers: readonly Searched<T>[],
  withResults: ReadonlySet<string>,
  vectorsOf?: (answer: T) => SearchedRepository['vectors'],
): Pick<SearchCodeOutput, 'partial' | 'searched' | 'repositories'> {
  const now = clock.now();
  const views = answers.map(({ at, published, answer, why }) => {
    const vectors = answer === undefined ? undefined : vectorsOf?.(answer);
    return viewSearched(at, published, { why, now, ...(vectors !== undefined && { vectors }) });
  });
  const telling = views.filter(({ id, partial }) => withResults.has(id) || partial);
  const ordered = telling.toSorted((a, b) => Number(withResults.has(b.id)) - Number(withResults.has(a.id)));
  return {
    partial: views.some(({ partial }) => partial),
    searched: answers.filter(({ answer }) => answer !== undefined).length,
    repositories: (views.length === 1 ? views : ordered).slice(0, MAX_REPOSITORIES_SHOWN),
  };
}

function fileResult(repository: string, { path, language, score, why, matchCount, matches }: FileHit): FileResult {
  return {
    repository,
    path,
    language,
    score,
    why: { ...why },
    matchCount,
    matches: matches.map(({ line, endLine, symbol, snippet }) => ({
      line,
      endLine,
      ...(symbol !== undefined && { symbol: { ...symbol } }),
      snippet: { line: snippet.line, text: snippet.text, marks: snippet.marks.map((mark) => [...mark]) },
    })),
  };
}

/** Its first match alone, and of that the first lines. */
function shrink(result: FileResult): FileResult {
  const [match] = result.matches;
  if (match === undefined) return result;
  const text = match.snippet.text.split('\n').slice(0, 3).join('\n');
  const marks = match.snippet.marks.filter(([, end]) => (end ?? 0) <= text.length);
  return { ...result, matches: [{ ...match, snippet: { ...match.snippet, text, marks } }] };
}

function filterOf({ languages, paths }: Pick<SearchCodeInput, 'languages' | 'paths'>): FileFilter {
  return { ...(languages !== undefined && { languages: languages.flatMap(languagesNamed) }), ...(paths !== undefined && { paths }) };
}

function checkSpaces({ space, spaces }: { readonly space?: unknown; readonly spaces?: unknown }): void {
  if (space === undefined || spaces === undefined) return;
  throw new PolymniaError('invalid_input', 'space and spaces are both given; give one of them.', { details: { field: 'spaces' } });
}

function replaced(): PolymniaError {
  return new PolymniaError('conflict', 'The index was replaced several times while it was read; try again.');
}
