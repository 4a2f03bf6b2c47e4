import { getLoadablePath } from 'sqlite-vec';
import { PolymniaError } from '../../kernel/errors.ts';

/** Path of the sqlite-vec library for this platform, for `SpaceFilesOptions.vectorExtension`. */
export function vectorExtension(): string {
  try {
    return getLoadablePath();
  } catch (error) {
    throw new PolymniaError('storage_unavailable', 'The vector extension sqlite-vec is not installed for this platform; run "npm ci".', {
      cause: error,
    });
  }
}
