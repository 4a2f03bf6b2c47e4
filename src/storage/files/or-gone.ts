import { systemCode } from '../../kernel/errors.ts';

/** What the work answers; undefined when the file it is about is not there (any more). */
export async function orGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
