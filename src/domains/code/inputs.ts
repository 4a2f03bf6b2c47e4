import { z } from 'zod';
import { nameProblem } from './names.ts';

const MAX_SOURCE = 4096;
const MAX_BRANCH = 250;
const MAX_ROOTS = 100;

const spaceField = z.string().max(64).describe('Id of a space (space_…, whoami lists them); left out = your personal space.');
const repositoryIdField = z.string().max(64).describe('Id of a repository (repo_…), as list_repositories gives it.');

const nameField = z
  .string()
  .trim()
  .normalize('NFC')
  .superRefine((name, ctx) => {
    const problem = nameProblem(name);
    if (problem !== undefined) ctx.addIssue({ code: 'custom', message: problem });
  });

const pathText = z
  .string()
  .trim()
  .min(1)
  .max(MAX_SOURCE)
  .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), 'must not hold control characters or broken Unicode');

/** A boolean that may come as the text `true` or `false`. */
export const flag = z.preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean());

export const syncInput = z.strictObject({
  source: pathText
    .optional()
    .describe('Where the files are: a git URL (https://…) or the absolute path of a folder on the server. Left out = the known source of that name.'),
  name: nameField.optional().describe('What to call it, unique in the space. Left out = the last part of the source.'),
  branch: z.string().min(1).max(MAX_BRANCH).optional().describe('Branch of a git URL; left out = the one used before, else the default branch.'),
  mode: z.enum(['auto', 'full']).optional().describe('auto (default) reads only what changed; full reads everything afresh.'),
  replaceSource: flag.optional().describe('True when a known name shall get another source.'),
  space: spaceField.optional(),
  repository_path: pathText.optional().describe('The same as source.'),
  repository_name: nameField.optional().describe('The same as name.'),
  incremental: flag.optional().describe('false is the same as mode: full.'),
  force_full: flag.optional().describe('true is the same as mode: full.'),
});

export const listInput = z.strictObject({
  space: spaceField.optional(),
  cursor: z.string().max(1024).optional().describe('nextCursor of the page before.'),
  limit: z.coerce.number().int().min(1).max(100).default(50).describe('Repositories of a page.'),
});

export const getInput = z.strictObject({ id: repositoryIdField });
export const removeInput = z.strictObject({ id: repositoryIdField });

const rootsField = z.array(pathText).max(MAX_ROOTS);

export const setRootsInput = z.strictObject({
  add: rootsField.optional().describe('Folders to allow, with all that is in them: absolute paths on the server.'),
  remove: rootsField.optional().describe('Folders no longer to allow, as list_code_roots shows them.'),
});

export type SyncInput = z.output<typeof syncInput>;
export type ListInput = z.output<typeof listInput>;
export type GetInput = z.output<typeof getInput>;
export type RemoveInput = z.output<typeof removeInput>;
export type SetRootsInput = z.output<typeof setRootsInput>;
