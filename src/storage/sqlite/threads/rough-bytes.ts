const PER_VALUE = 8;
const MAX_DEPTH = 8;

/** About how many bytes a value's texts, numbers and buffers hold; nesting deeper than 8 levels is not counted. */
export function roughBytes(value: unknown, depth = 0): number {
  if (typeof value === 'string') return value.length + PER_VALUE;
  if (typeof value !== 'object' || value === null || depth >= MAX_DEPTH) return PER_VALUE;
  if (ArrayBuffer.isView(value)) return value.byteLength + PER_VALUE;
  let total = PER_VALUE;
  for (const part of Array.isArray(value) ? value : Object.values(value)) total += roughBytes(part, depth + 1);
  return total;
}
