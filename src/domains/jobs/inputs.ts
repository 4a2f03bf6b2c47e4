import { z } from 'zod';
import { PolymniaError } from '../../kernel/errors.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { JOB_LANES } from '../../kernel/operation.ts';
import { shortList } from '../../kernel/short-list.ts';
import { JOB_STATES, type JobState } from './model.ts';
import type { JobFilter } from './store.ts';

const MAX_PAGE = 100;
const MAX_OPERATIONS = 20;

export const jobIdField = z.string().max(64).describe('Id of a job, job_…');
export const scheduleNameField = z.string().max(64).describe('Name of the task, as list_schedules shows it');

const stateField = z.enum(JOB_STATES);
const operationField = z.string().max(64);

/** Conditions of lists. */
export const filterFields = {
  state: z
    .union([stateField, shortList(JOB_STATES.length, z.array(stateField).min(1).max(JOB_STATES.length))])
    .optional()
    .describe('Only in this state, or in one of these'),
  operation: z
    .union([operationField, shortList(MAX_OPERATIONS, z.array(operationField).min(1).max(MAX_OPERATIONS))])
    .optional()
    .describe('Only of this operation, or one of these'),
  lane: z.enum(JOB_LANES).optional().describe('Only of this lane'),
  subject: z.string().max(300).optional().describe('Only on this, e.g. a repository by its name'),
} as const;

export const pageFields = {
  cursor: z.string().max(200).optional().describe('nextCursor of the page before'),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(20).describe('Jobs of a page'),
} as const;

interface FilterInput {
  readonly state?: JobState | readonly JobState[] | undefined;
  readonly operation?: string | readonly string[] | undefined;
  readonly lane?: JobFilter['lane'] | undefined;
  readonly subject?: string | undefined;
}

export function filterOf({ state, operation, lane, subject }: FilterInput): JobFilter {
  return {
    ...(state === undefined ? {} : { states: asList(state) }),
    ...(operation === undefined ? {} : { operations: asList(operation) }),
    ...(lane === undefined ? {} : { lane }),
    ...(subject === undefined ? {} : { subject }),
  };
}

function asList<T extends string>(value: T | readonly T[]): readonly T[] {
  return typeof value === 'string' ? [value] : value;
}

/** Where a page begins: after a job that was seen. */
export interface PageStart {
  readonly createdAt: number;
  readonly id: string;
}

/** A cursor says only when and which; whose jobs are listed comes from the caller alone. */
export function cursorOf({ createdAt, id }: PageStart): string {
  return Buffer.from(JSON.stringify([createdAt, id])).toString('base64url');
}

export function startOf(cursor: string | undefined): PageStart | undefined {
  if (cursor === undefined) return undefined;
  const parsed = cursorShape.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString()));
  if (!parsed.success)
    throw new PolymniaError('invalid_input', 'The cursor is not one of this list; begin without it.', { details: { field: 'cursor' } });
  const [createdAt, id] = parsed.data;
  return { createdAt, id };
}

const cursorShape = z.tuple([z.int(), z.string().max(64)]);
