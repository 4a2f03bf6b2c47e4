const LARGEST = 127;

/** A vector of length 1 as signed bytes: each value is `scale` times its byte. A quarter of the room of floats. */
export interface PackedVector {
  readonly scale: number;
  readonly bytes: Int8Array;
}

/** A vector of length 0 stays one. */
export function packVector(values: Float32Array): PackedVector {
  const unit = unitVector(values);
  const peak = unit.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scale = peak === 0 ? 1 : peak / LARGEST;
  return { scale, bytes: Int8Array.from(unit, (value) => Math.round(value / scale)) };
}

export function readPacked(scale: number, value: Uint8Array): PackedVector {
  return { scale, bytes: new Int8Array(value.buffer, value.byteOffset, value.byteLength) };
}

/** Of length 1, in the same direction. */
export function unitVector(values: Float32Array): Float32Array {
  const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? values : values.map((value) => value / length);
}

/** Cosine with a vector of length 1; undefined when they are of different models' lengths. */
export function cosine(unit: Float32Array, { scale, bytes }: PackedVector): number | undefined {
  if (unit.length !== bytes.length) return undefined;
  let sum = 0;
  for (let at = 0; at < unit.length; at += 1) sum += (unit[at] ?? 0) * (bytes[at] ?? 0);
  return sum * scale;
}
