import type { Metadata } from './model.ts';

/** What the quota counts of one state of a memory, current or old: UTF-8 bytes of content, tags and metadata as JSON. */
export function storedBytes(state: { readonly content: string; readonly tags: readonly string[]; readonly metadata: Metadata }): number {
  const tags = state.tags.reduce((sum, tag) => sum + Buffer.byteLength(tag), 0);
  return Buffer.byteLength(state.content) + tags + Buffer.byteLength(JSON.stringify(state.metadata));
}
