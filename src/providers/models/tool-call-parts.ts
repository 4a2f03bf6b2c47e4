import { parseJson } from '../../kernel/parse-json.ts';
import type { ToolCall } from '../../domains/conversation/model.ts';
import type { ModelEvent } from '../../domains/conversation/ports.ts';
import { upstreamError } from './model-errors.ts';

/** Tool calls one answer may hold. */
const MAX_CALLS = 128;

interface Parts {
  id: string;
  name: string;
  json: string;
}

/** Puts tool calls together, whose arguments come in pieces. */
export class ToolCallParts {
  readonly #provider: string;
  readonly #calls = new Map<number, Parts>();

  constructor(provider: string) {
    this.#provider = provider;
  }

  /** One piece of the call at `index`. Throws for more calls than an answer may hold. */
  add(index: number, { id = '', name = '', json = '' }: { readonly id?: string; readonly name?: string; readonly json?: string }): void {
    const known = this.#calls.get(index);
    if (known === undefined && this.#calls.size === MAX_CALLS) throw upstreamError(this.#provider, `sent more than ${MAX_CALLS} tool calls`);
    const call = known ?? { id: '', name: '', json: '' };
    this.#calls.set(index, { id: call.id || id, name: call.name || name, json: call.json + json });
  }

  /** The calls, whole. Throws for one without a name, or whose arguments are no JSON object. */
  take(): readonly ModelEvent[] {
    const calls = [...this.#calls].toSorted(([a], [b]) => a - b).map(([index, parts]) => this.#whole(index, parts));
    this.#calls.clear();
    return calls.map((call) => ({ type: 'tool_call', call }));
  }

  #whole(index: number, { id, name, json }: Parts): ToolCall {
    const text = json.trim() === '' ? '{}' : json;
    const value = parseJson(text);
    if (name === '' || typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw upstreamError(this.#provider, 'sent a tool call that is none');
    }
    return { id: id === '' ? `call_${index}` : id, name, arguments: text };
  }
}
