import { expect, test } from 'vitest';
import { syncRequest } from './sync-request.ts';
import { type SyncInput, syncInput } from './inputs.ts';

const ask = (input: SyncInput) => syncRequest(syncInput.parse(input));

test('older names of the fields mean the same', () => {
  const wanted = { name: 'Tool', nameKey: 'tool', source: { kind: 'folder', path: '/srv/Tool' }, mode: 'full', replaceSource: false };
  expect(ask({ source: '/srv/Tool', mode: 'full' })).toEqual(wanted);
  expect(ask({ repository_path: '/srv/Tool', repository_name: 'Tool', incremental: false })).toEqual(wanted);
  expect(ask({ repository_path: '/srv/Tool', force_full: true, incremental: true })).toEqual(wanted);
  expect(ask({ source: '/srv/Tool', repository_path: '/srv/Tool', incremental: true })).toEqual({ ...wanted, mode: 'auto' });
});

test('what contradicts itself is refused with both names', () => {
  expect(() => ask({ source: '/a', repository_path: '/b' })).toThrow('source and repository_path');
  expect(() => ask({ source: '/a', name: 'x', repository_name: 'y' })).toThrow('name and repository_name');
  expect(() => ask({ source: '/a', mode: 'auto', force_full: true })).toThrow('mode');
});

test('a name comes from the source, or must be given', () => {
  expect(ask({ source: '/srv/my code/' }).name).toBe('my code');
  expect(ask({ source: 'C:\\code\\tool' }).name).toBe('tool');
  expect(ask({ source: 'https://example.org/team/tool.git' }).name).toBe('tool');
  expect(ask({ name: 'known' })).toEqual({ name: 'known', nameKey: 'known', mode: 'auto', replaceSource: false });
  expect(() => ask({ source: '/' })).toThrow('Give a name');
  expect(() => ask({})).toThrow('source');
});

test('names are one whatever their case and composition, and hold what can be read', () => {
  expect(ask({ name: 'A\u0308PP' })).toMatchObject({ name: 'ÄPP', nameKey: 'äpp' });
  for (const name of ['', ' ', 'a\nb', 'a\u202eb', 'x'.repeat(101), 'repo_1', '\ud800']) {
    expect(() => ask({ name, source: '/a' }), JSON.stringify(name)).toThrow(/name/i);
  }
});

test('a source is a URL or an absolute path, and the refusal says so', () => {
  for (const source of ['tool', './tool', '../tool', '~/tool']) expect(() => ask({ source, name: 'n' }), source).toThrow('absolute path');
  expect(() => ask({ source: 'git@example.org:team/tool.git', name: 'n' })).toThrow('ssh://user@host/path');
  expect(() => ask({ source: '/a\0b', name: 'n' })).toThrow('control');
  for (const source of ['file:///etc', 'ext::sh -c id', 'http://example.org/x', 'https://user:pw@example.org/x']) {
    expect(() => ask({ source, name: 'n' }), source).toThrow(/URL|https/);
  }
});

test('a branch is one git allows, of a URL', () => {
  const source = 'https://example.org/tool';
  for (const branch of ['main', 'feature/ü-1', 'v1.2', 'a@b']) expect(ask({ source, branch }).branch).toBe(branch);
  for (const branch of ['-x', '--upload-pack=sh', 'a..b', 'a b', 'a:b', '/a', 'a/', 'a.lock', '@{1}', 'a\nb', '.a', 'a/.b', 'a//b', 'a*']) {
    expect(() => ask({ source, branch }), branch).toThrow('branch');
  }
  expect(() => ask({ source: '/srv/a', branch: 'main' })).toThrow('folder');
});
