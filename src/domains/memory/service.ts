import type { OperationContext } from '../../kernel/operation.ts';
import type { MemoryServiceDeps } from './deps.ts';
import { exportLines, exportPage } from './transfer/exporting.ts';
import { deleteMemory, forgetMemories } from './forgetting.ts';
import { ImportRunner } from './transfer/importing.ts';
import type {
  DeleteInput,
  ExportInput,
  ForgetInput,
  GetInput,
  ImportInput,
  ListTagsInput,
  RetrieveInput,
  SearchInput,
  StatsInput,
  StoreInput,
  StoreManyInput,
  UpdateInput,
} from './inputs.ts';
import type {
  DeleteOutput,
  ExportOutput,
  ForgetOutput,
  GetOutput,
  ImportOutput,
  ListTagsOutput,
  MemoryOutput,
  RetrieveOutput,
  SearchOutput,
  StatsOutput,
  StoreManyOutput,
  StoreOutput,
} from './outputs.ts';
import { QueryEmbedding } from './query-embedding.ts';
import { getMemory, listTags, memoryStats, retrieveMemory, searchMemory } from './recalling.ts';
import { storeMemories, storeMemory, updateMemory } from './remembering.ts';

/**
 * The use cases of memory, one method an operation. Callers were admitted: `ctx.spaces` holds spaces in which the caller
 * has the role the operation needs. Keeps no state of a call; what it does keep is how the embedder fares.
 */
export class MemoryService {
  readonly #deps: MemoryServiceDeps;
  readonly #embedding: QueryEmbedding | undefined;
  readonly #imports: ImportRunner;

  constructor(deps: MemoryServiceDeps) {
    this.#deps = deps;
    this.#embedding = deps.embedder && new QueryEmbedding(deps.embedder, deps.clock, deps.limits.embeddingQueryTimeoutMs);
    this.#imports = new ImportRunner(deps);
  }

  store(input: StoreInput, ctx: OperationContext): Promise<StoreOutput> {
    return storeMemory(this.#deps, input, ctx);
  }

  storeMany(input: StoreManyInput, ctx: OperationContext): Promise<StoreManyOutput> {
    return storeMemories(this.#deps, input, ctx);
  }

  retrieve(input: RetrieveInput, ctx: OperationContext): Promise<RetrieveOutput> {
    return retrieveMemory(this.#deps, this.#embedding, input, ctx);
  }

  search(input: SearchInput, ctx: OperationContext): Promise<SearchOutput> {
    return searchMemory(this.#deps, input, ctx);
  }

  get(input: GetInput, ctx: OperationContext): Promise<GetOutput> {
    return getMemory(this.#deps, input, ctx);
  }

  update(input: UpdateInput, ctx: OperationContext): Promise<MemoryOutput> {
    return updateMemory(this.#deps, input, ctx);
  }

  delete(input: DeleteInput, ctx: OperationContext): Promise<DeleteOutput> {
    return deleteMemory(this.#deps, input, ctx);
  }

  forget(input: ForgetInput, ctx: OperationContext): Promise<ForgetOutput> {
    return forgetMemories(this.#deps, input, ctx);
  }

  tags(input: ListTagsInput, ctx: OperationContext): Promise<ListTagsOutput> {
    return listTags(this.#deps, input, ctx);
  }

  stats(input: StatsInput, ctx: OperationContext): Promise<StatsOutput> {
    return memoryStats(this.#deps, input, ctx);
  }

  exportPage(input: ExportInput, ctx: OperationContext): Promise<ExportOutput> {
    return exportPage(this.#deps, input, ctx);
  }

  exportLines(input: ExportInput, ctx: OperationContext): AsyncIterable<Record<string, unknown>> {
    return exportLines(this.#deps, input, ctx);
  }

  import(input: ImportInput, ctx: OperationContext): Promise<ImportOutput> {
    return this.#imports.run(input, ctx);
  }
}
