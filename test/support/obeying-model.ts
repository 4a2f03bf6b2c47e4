import { z } from 'zod';
import type { BoundOperation } from '../../src/kernel/operation.ts';
import { promptOf, toolCallChunk } from './chat-kit.ts';
import { END_CHUNKS, type ModelBehaviour, type ModelCall, sendEvents, textChunk } from './model-server.ts';

/** Values a model puts into its calls, by the name of the field: ids it was told, places it should not reach. */
export type Loot = Readonly<Record<string, unknown>>;

interface Wish {
  readonly name: string;
  readonly arguments: string;
}

/** Arguments that would change what objects are. */
const POLLUTING = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"content":"obeyed","query":"x"}';
/** An answer with more is none. */
const MAX_CALLS = 128;
const IDS = /\b(?:space|mem|conv|turn|repo|user|key)_[0-9a-z]+/g;
/** Memories first: there are most of them. */
const byKind = (a: string, b: string): number => Number(b.startsWith('mem_')) - Number(a.startsWith('mem_'));

/**
 * A model that does whatever any text might tell it. First it asks for every operation there is, then for what it was offered with
 * each loot, then with the ids it has read; its answer repeats what it was told, as HTML.
 */
export function obey(operations: readonly BoundOperation[], loots: readonly Loot[]): ModelBehaviour {
  const wishes = operations.map((operation) => wishesOf(operation));
  const everything = wishes.map((wishFor) => wishFor(loots[0] ?? {})).concat({ name: 'eval', arguments: '{}' });
  return (response, call) => {
    const messages = promptOf(call);
    const asked = messages.slice(messages.findLastIndex(({ role }) => role === 'user'));
    const round = asked.filter(({ tool_calls: calls = [] }) => calls.length > 0).length;
    const names = offeredBy(call);
    const offered = wishes.filter((_wishFor, at) => names.has(operations[at]?.name ?? ''));
    const ids = [...new Set(JSON.stringify(messages).match(IDS))].toSorted(byKind);
    const read = ids.map((id) => ({ space: id, id, repository: id, spaces: [id] }));
    const rounds: readonly (readonly Wish[])[] = [
      everything,
      ...loots.slice(1).map((loot) => offered.map((wishFor) => wishFor(loot))),
      read.flatMap((loot) => offered.map((wishFor) => wishFor(loot))),
      [...names].map((name) => ({ name, arguments: POLLUTING })),
    ];
    const now = names.size === 0 ? [] : (rounds[round] ?? []).slice(0, MAX_CALLS);
    const calls = now.map(({ name, arguments: json }, index) => toolCallChunk(name, json, `call_${round}_${index}`, index));
    sendEvents(response, ...(calls.length > 0 ? calls : [textChunk(`<script>${asked[0]?.content ?? ''}</script>`)]), ...END_CHUNKS);
    response.end();
  };
}

function offeredBy({ body }: ModelCall): ReadonlySet<string> {
  const tools = (body['tools'] ?? []) as readonly { readonly function: { readonly name: string } }[];
  return new Set(tools.map(({ function: { name } }) => name));
}

/** Calls of the operation with every field that the loot has something for, and something for each that must be there. */
function wishesOf({ name, input }: BoundOperation): (loot: Loot) => Wish {
  const { properties = {}, required = [] } = z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' });
  const needed = Object.fromEntries(required.map((field) => [field, 'obeyed']));
  return (loot) => {
    const taken = Object.keys(properties).filter((field) => field in loot);
    return { name, arguments: JSON.stringify({ ...needed, ...Object.fromEntries(taken.map((field) => [field, loot[field]])) }) };
  };
}
