import { isUtf8 } from 'node:buffer';

/** A file's name as text; undefined when its bytes are none. */
export function textOfName(name: Uint8Array): string | undefined {
  return isUtf8(name) ? Buffer.from(name).toString('utf8') : undefined;
}

/** A name that is no text, for a list that people read: what is not ASCII as `\xNN`. */
export function showName(name: Uint8Array): string {
  const bytes = Buffer.from(name).toString('latin1');
  return bytes.replaceAll(/[\x80-\xff]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`);
}
