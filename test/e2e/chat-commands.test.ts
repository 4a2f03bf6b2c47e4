import { afterAll, beforeAll, expect, it } from 'vitest';
import { echoing } from '../support/chat-kit.ts';
import { runCommand } from '../support/cli.ts';
import { type ModelServer, openModelServer } from '../support/model-server.ts';
import { type Citizen, openTown, type Town } from '../support/town.ts';

let model: ModelServer;
let town: Town;
let ann: Citizen;
let bob: Citizen;

beforeAll(async () => {
  model = await openModelServer(echoing);
  town = await openTown({ sockets: true, settings: { CHAT_MODEL_URL: `${model.url}/v1`, CHAT_MODEL: ['tiny'] } });
  [ann, bob] = [await town.citizen('ann'), await town.citizen('bob')];
});
afterAll(async () => {
  await town[Symbol.asyncDispose]();
  await model[Symbol.asyncDispose]();
});

const run = (...argv: string[]) => runCommand({ url: town.server.url, key: ann.key }, argv);

it('says something, goes on in the standing conversation, and shows what was said', async () => {
  const first = await run('chat', 'The', 'heron', 'is', 'grey.');
  expect(first).toMatchObject({ exitCode: 0, stderr: '' });
  expect(first.stdout).toContain('The heron is grey.');
  await run('chat', 'And where does it live?');
  const listed = await run('conversations');
  expect(listed.stdout).toMatch(/conv_\w+ +The heron is grey\. +2 /);
  const [id = ''] = /conv_\w+/.exec(listed.stdout) ?? [];
  const shown = await run('conversations', 'show', id);
  expect(shown.stdout).toMatch(/> The heron is grey\.[^]*> And where does it live\?/);
});

it('keeps a conversation of a name of its own apart', async () => {
  await run('chat', '--conversation', 'boats', 'The ferry is late.');
  const { conversations } = JSON.parse((await run('conversations', '--json')).stdout) as { conversations: { title: string; turns: number }[] };
  expect(conversations.map(({ title, turns }) => [title, turns])).toEqual([
    ['The ferry is late.', 1],
    ['The heron is grey.', 2],
  ]);
});

it('asks before it deletes, says what is gone, and knows nothing of a stranger’s', async () => {
  const [id = ''] = /conv_\w+/.exec((await run('conversations', '-n', '1')).stdout) ?? [];
  expect(await runCommand({ url: town.server.url, key: bob.key }, ['conversations', 'show', id])).toMatchObject({ exitCode: 6, stdout: '' });
  const unsure = await run('conversations', 'delete', id);
  expect(unsure.exitCode).not.toBe(0);
  expect(unsure.stderr).toContain('--yes');
  expect((await run('conversations', 'delete', id, '--yes')).stdout).toBe('Deleted  1 turn\n');
  expect((await run('conversations', 'show', id)).exitCode).toBe(6);
});
