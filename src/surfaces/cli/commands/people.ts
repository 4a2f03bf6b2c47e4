import { PolymniaError } from '../../../kernel/errors.ts';
import { echo } from '../arguments.ts';
import type { Command, Invocation } from '../command.ts';
import { operationCommand } from '../operation-command.ts';
import { isFields, renderRows, type View } from '../render-value.ts';
import { safeLine } from '../terminal-text.ts';

type Input = Readonly<Record<string, unknown>>;
type Fields = Readonly<Record<string, unknown>>;

const USER_ARGUMENT = { field: 'userId', placeholder: 'USER' } as const;
const SPACE_ARGUMENT = { field: 'spaceId', placeholder: 'SPACE' } as const;
const USER_NOTE = ['USER is a name or an id (user_…).'];

const USER_COLUMNS = ['id', 'name', 'role', 'status', 'createdAt'];
const KEY_COLUMNS = ['id', 'name', 'scopes', 'expiresAt', 'lastUsedAt', 'revokedAt'];
const SPACE_COLUMNS = ['id', 'name', 'kind', 'role', 'conversationRetention', 'createdAt'];
const MEMBER_COLUMNS = ['userId', 'name', 'role', 'since'];

/** A name where an id is wanted: the server is asked who that is. */
async function withUserId(input: Input, invocation: Invocation): Promise<Input> {
  const { userId } = input;
  if (typeof userId !== 'string' || userId.startsWith('user_')) return input;
  const client = await invocation.client();
  const answer = await client.call('list_users', { name: userId });
  const found = isFields(answer) && Array.isArray(answer['users']) ? answer['users'].find(isFields) : undefined;
  if (found === undefined)
    throw new PolymniaError('not_found', `There is no user named ${echo(userId)}.`, { details: { hint: 'See "polymnia user list".' } });
  return { ...input, userId: found['id'] };
}

function text(value: unknown): string {
  return typeof value === 'string' ? safeLine(value) : '';
}

function inner(answer: Fields, name: string): Fields {
  const value = answer[name];
  return isFields(value) ? value : {};
}

/** A page of a list as a table. */
function page(name: string, columns: readonly string[]): (answer: Fields, view: View) => string {
  return (answer, view) => {
    const items = answer[name];
    const table = renderRows(Array.isArray(items) ? items.filter(isFields) : [], columns, view);
    return typeof answer['nextCursor'] === 'string' ? `${table}\n${view.palette.dim(`more: --cursor ${text(answer['nextCursor'])}`)}` : table;
  };
}

/** `Created  user_…  Ada`: one line for what was done to a thing with id and name. */
function done(what: string, name: string): (answer: Fields, view: View) => string {
  return (answer, { palette }) => {
    const thing = inner(answer, name);
    return [palette.good(what), palette.accent(text(thing['id'] ?? thing['userId'])), text(thing['name'])].filter((part) => part !== '').join('  ');
  };
}

/** How to name a user on a command line: the name, where it is one plain word. */
function shellWord(user: Fields): string {
  const name = text(user['name']);
  return /^[\p{L}\p{N}][\p{L}\p{N}._@-]*$/u.test(name) && !name.startsWith('user_') ? name : text(user['id']);
}

function renderSecret(answer: Fields, { palette }: View): string {
  const key = inner(answer, 'key');
  return [
    `${palette.good('Created')}  ${palette.accent(text(key['id']))}  ${text(key['name'])}`,
    '',
    `  ${palette.bold(text(answer['secret']))}`,
    '',
    palette.dim('Shown this once. Send it as "Authorization: Bearer …", or set it as POLYMNIA_KEY.'),
  ].join('\n');
}

const userCommands: readonly Command[] = [
  operationCommand({
    words: ['user', 'create'],
    group: 'People',
    operation: 'create_user',
    summary: 'Create a person or an agent',
    arguments: [{ field: 'name', placeholder: 'NAME', isRest: true }],
    render: (answer, view) =>
      `${done('Created', 'user')(answer, view)}\n${view.palette.dim(`Make a key with: polymnia key create NAME --user ${shellWord(inner(answer, 'user'))}`)}`,
  }),
  operationCommand({
    words: ['user', 'list'],
    group: 'People',
    operation: 'list_users',
    summary: 'List users',
    render: page('users', USER_COLUMNS),
  }),
  ...(['disable', 'enable'] as const).map((verb) =>
    operationCommand({
      words: ['user', verb],
      group: 'People',
      operation: 'update_user',
      summary: verb === 'disable' ? 'Refuse all keys of a user, and end what runs on them' : 'Take the keys of a user again',
      arguments: [USER_ARGUMENT],
      hidden: ['role', 'status', 'timeZone', 'weight', 'limits'],
      notes: USER_NOTE,
      prepare: async (input, invocation) => ({ ...(await withUserId(input, invocation)), status: verb === 'disable' ? 'disabled' : 'active' }),
      render: done(verb === 'disable' ? 'Disabled' : 'Enabled', 'user'),
    }),
  ),
  operationCommand({
    words: ['user', 'update'],
    group: 'People',
    operation: 'update_user',
    summary: "Change a user's role, time zone, weight or limits",
    arguments: [USER_ARGUMENT],
    hidden: ['status'],
    notes: USER_NOTE,
    prepare: withUserId,
    render: done('Changed', 'user'),
  }),
  operationCommand({
    words: ['user', 'delete'],
    group: 'People',
    operation: 'delete_user',
    summary: 'Delete a user with the personal space and all keys',
    arguments: [USER_ARGUMENT],
    hidden: ['dryRun'],
    notes: [...USER_NOTE, 'Without --yes it only tells what would go.'],
    confirm: { warning: 'This deletes for good.', preview: { dryRun: true } },
    prepare: withUserId,
  }),
];

const keyCommands: readonly Command[] = [
  operationCommand({
    words: ['key', 'create'],
    group: 'People',
    operation: 'create_key',
    summary: 'Create an API key; its secret is shown once',
    arguments: [{ field: 'name', placeholder: 'NAME', isRest: true }],
    aliases: { user: { field: 'userId' } },
    notes: ['--user takes a name or an id; left out, the key is yours.'],
    prepare: withUserId,
    render: renderSecret,
  }),
  operationCommand({
    words: ['key', 'list'],
    group: 'People',
    operation: 'list_keys',
    summary: 'List API keys, never their secrets',
    aliases: { user: { field: 'userId' } },
    prepare: withUserId,
    render: page('keys', KEY_COLUMNS),
  }),
  operationCommand({
    words: ['key', 'revoke'],
    group: 'People',
    operation: 'revoke_key',
    summary: 'Refuse a key from now on, and end what runs on it',
    arguments: [{ field: 'keyId', placeholder: 'KEY-ID' }],
    render: done('Revoked', 'key'),
  }),
];

const spaceCommands: readonly Command[] = [
  operationCommand({
    words: ['space', 'create'],
    group: 'People',
    operation: 'create_space',
    summary: 'Create a shared space',
    arguments: [{ field: 'name', placeholder: 'NAME', isRest: true }],
    render: done('Created', 'space'),
  }),
  operationCommand({
    words: ['space', 'list'],
    group: 'People',
    operation: 'list_spaces',
    summary: 'List your spaces',
    render: page('spaces', SPACE_COLUMNS),
  }),
  operationCommand({
    words: ['space', 'update'],
    group: 'People',
    operation: 'update_space',
    summary: 'Rename a space, change who pays for it, or say how long its conversations are kept',
    arguments: [SPACE_ARGUMENT],
    render: done('Changed', 'space'),
  }),
  operationCommand({
    words: ['space', 'delete'],
    group: 'People',
    operation: 'delete_space',
    summary: 'Delete a shared space with all that is stored in it',
    arguments: [SPACE_ARGUMENT],
    confirm: { warning: 'This deletes the space with all that is stored in it, for good.' },
  }),
  operationCommand({
    words: ['space', 'members'],
    group: 'People',
    operation: 'list_members',
    summary: 'List who may use a space',
    arguments: [SPACE_ARGUMENT],
    render: page('members', MEMBER_COLUMNS),
  }),
  operationCommand({
    words: ['space', 'add'],
    group: 'People',
    operation: 'set_member',
    summary: 'Let a user use a space, or change the role there',
    arguments: [SPACE_ARGUMENT, USER_ARGUMENT, { field: 'role', placeholder: 'reader|editor|owner' }],
    notes: USER_NOTE,
    prepare: withUserId,
    render: done('Set', 'member'),
  }),
  operationCommand({
    words: ['space', 'remove'],
    group: 'People',
    operation: 'remove_member',
    summary: 'End a membership; what the member wrote stays',
    arguments: [SPACE_ARGUMENT, USER_ARGUMENT],
    notes: USER_NOTE,
    prepare: withUserId,
  }),
];

/** Users, keys, spaces: one row per operation. */
export const peopleCommands: readonly Command[] = [
  operationCommand({
    words: ['whoami'],
    group: 'People',
    operation: 'whoami',
    summary: 'Show who you are to the server, and what is left of your limits',
  }),
  ...userCommands,
  ...keyCommands,
  ...spaceCommands,
];
