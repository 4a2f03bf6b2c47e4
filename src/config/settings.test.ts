import { expect, it } from 'vitest';
import { loadSettings, settingsWith } from './settings.ts';

it.each([
  [{ CHAT_MODEL_URL: 'http://127.0.0.1:11434/v1' }, /CHAT_MODEL_URL is set, but not CHAT_MODEL/],
  [{ CHAT_MODEL: ['tiny'] }, /no effect without CHAT_MODEL_URL/],
  [{ OPENAI_API_KEY: 'sk-1', OPENAI_MODELS: [] }, /OPENAI_MODELS names no model/],
  [{ OPENAI_BASE_URL: 'ftp://example.org' }, /OPENAI_BASE_URL must be an http or https URL/],
  [{ ANTHROPIC_BASE_URL: 'https://ann:pass-word@example.org' }, /ANTHROPIC_BASE_URL must be .* without a user name or password/],
  [{ ANTHROPIC_API_KEY: 'sk-secret\n' }, /ANTHROPIC_API_KEY holds characters that no key has/],
])('refuses model settings that cannot work, without repeating a secret: %j', (settings, sentence) => {
  expect(() => settingsWith(settings)).toThrow(sentence);
  expect(() => settingsWith(settings)).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/sk-|pass-word/) }));
});

it.each([
  'redis.example:6379',
  'http://redis.example',
  'redis://',
  'redis://redis.example/zero',
  'redis://redis.example/0?family=6',
  'redis://:pass-word#1@redis.example',
  'redis://:pass-word/1@redis.example',
  'redis://:pass-word%@redis.example',
  'redis://ann@redis.example',
  'unix://run/redis.sock',
  'unix:///run/redis.sock?database=pass-word',
  'unix://:pass-word@1@/run/redis.sock',
])('refuses %s as REDIS_URL, without repeating it', (url) => {
  expect(() => settingsWith({ REDIS_URL: url })).toThrow(/REDIS_URL must be a redis:/);
  expect(() => settingsWith({ REDIS_URL: url })).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/pass-word|example/) }));
});

it.each([
  'redis://127.0.0.1',
  'redis://[::1]:6379/',
  'rediss://:p%40ss@redis.example:6380/15',
  'redis://ann:pass@redis',
  'unix:///run/redis.sock',
  'unix://ann:pass@/run/redis.sock?db=2',
])('takes %s as REDIS_URL', (url) => {
  expect(loadSettings({ env: { REDIS_URL: url }, flags: [] }).REDIS_URL).toBe(url);
});

it('needs nothing but OPENAI_API_KEY for gpt-4o-mini', () => {
  const settings = loadSettings({ env: { OPENAI_API_KEY: 'sk-1' }, flags: [] });
  expect(settings).toMatchObject({ OPENAI_API_KEY: 'sk-1', OPENAI_MODELS: ['gpt-4o-mini'], OPENAI_BASE_URL: 'https://api.openai.com/v1' });
});

it('archives nobody before they count as inactive, and takes 0 for never', () => {
  expect(() => settingsWith({ ARCHIVE_AFTER: 1000 })).toThrow(/ARCHIVE_AFTER \(1000\) is less than INACTIVE_AFTER/);
  expect(settingsWith({ ARCHIVE_AFTER: 0 }).ARCHIVE_AFTER).toBe(0);
});
