import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../kernel/logger.ts';

const PREFIX = 'task-';

/** The folders of running tasks, in one folder that belongs to the pool alone. */
export class TaskFolders {
  readonly #parent: string;
  readonly #logger: Logger;

  constructor(parent: string, logger: Logger) {
    this.#parent = parent;
    this.#logger = logger;
  }

  /** Makes the pool's folder if need be, and removes what a killed server left in it. */
  async prepare(): Promise<void> {
    await mkdir(this.#parent).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    for (const name of await readdir(this.#parent)) if (name.startsWith(PREFIX)) await this.remove(join(this.#parent, name));
  }

  /** A new, empty one; for this user of the system alone. */
  make(): Promise<string> {
    return mkdtemp(join(this.#parent, PREFIX));
  }

  async remove(folder: string): Promise<void> {
    try {
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      this.#logger.warn('The folder of a child process could not be removed', {}, error);
    }
  }
}
