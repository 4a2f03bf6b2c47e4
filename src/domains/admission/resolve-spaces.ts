import { notFound, PolymniaError } from '../../kernel/errors.ts';
import { parseRecordId, RECORD_NOUNS } from '../../kernel/ids.ts';
import { type BoundOperation, type Principal, type Role, roleAllows, type SpaceAccess, type Target } from '../../kernel/operation.ts';
import type { Authority } from './ports.ts';

type Input = Readonly<Record<string, unknown>>;

/** Spaces one ranked read may name. */
const MAX_SPACES = 8;
/** Spaces "all" may mean: each is a read of its own. */
const MAX_ALL_SPACES = 100;

/**
 * The spaces a call is about, each with a role that suffices. What the caller may not see is `not_found`, in the words of a
 * random id; what it may see but not do is `forbidden`.
 */
export async function resolveSpaces(
  authority: Authority,
  operation: BoundOperation,
  principal: Principal,
  input: Input,
): Promise<readonly SpaceAccess[]> {
  const { target } = operation;
  if (target.kind === 'none') return [];
  const spaces = await findSpaces(authority, target, principal, input);
  for (const space of spaces) refuseRole(space, target.role);
  return spaces;
}

async function findSpaces(
  authority: Authority,
  target: Exclude<Target, { kind: 'none' }>,
  principal: Principal,
  input: Input,
): Promise<readonly SpaceAccess[]> {
  switch (target.kind) {
    case 'space':
      return [await authority.space(principal, textField(input, 'space'))];
    case 'record':
      return [await spaceOfRecord(authority, target, principal, input)];
    case 'spaces':
      return manySpaces(authority, principal, input);
  }
}

async function spaceOfRecord(authority: Authority, target: Target & { kind: 'record' }, principal: Principal, input: Input): Promise<SpaceAccess> {
  const noun = RECORD_NOUNS[target.idKind];
  const id = parseRecordId(target.idKind, textField(input, target.field) ?? '');
  if (id === undefined) throw notFound(noun);
  try {
    return await authority.spaceByKey(principal, id.space);
  } catch (error) {
    throw error instanceof PolymniaError && error.code === 'not_found' ? notFound(noun) : error;
  }
}

async function manySpaces(authority: Authority, principal: Principal, input: Input): Promise<readonly SpaceAccess[]> {
  const { spaces } = input;
  if (spaces === undefined) return [await authority.space(principal, textField(input, 'space'))];
  if (spaces === 'all') return everySpace(await authority.readableSpaces(principal));
  const ids = [...new Set(Array.isArray(spaces) ? spaces.map(String) : [])];
  if (ids.length > MAX_SPACES) throw new PolymniaError('invalid_input', `"spaces" names ${ids.length} spaces; at most ${MAX_SPACES}, or "all".`);
  return Promise.all(ids.map((id) => authority.space(principal, id)));
}

function everySpace(spaces: readonly SpaceAccess[]): readonly SpaceAccess[] {
  if (spaces.length <= MAX_ALL_SPACES) return spaces;
  throw new PolymniaError(
    'invalid_input',
    `"all" would be ${spaces.length} spaces; above ${MAX_ALL_SPACES} name up to ${MAX_SPACES} of them instead.`,
  );
}

function textField(input: Input, field: string): string | undefined {
  const value = input[field];
  return typeof value === 'string' ? value : undefined;
}

function refuseRole(space: SpaceAccess, needed: Role): void {
  if (roleAllows(space.role, needed)) return;
  throw new PolymniaError('forbidden', `This needs role ${needed} in space ${space.id}; yours is ${space.role}.`);
}
