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

it('needs nothing but OPENAI_API_KEY for gpt-4o-mini', () => {
  const settings = loadSettings({ env: { OPENAI_API_KEY: 'sk-1' }, flags: [] });
  expect(settings).toMatchObject({ OPENAI_API_KEY: 'sk-1', OPENAI_MODELS: ['gpt-4o-mini'], OPENAI_BASE_URL: 'https://api.openai.com/v1' });
});
