import { expect, test } from 'vitest';
import { PolymniaError } from '../kernel/errors.ts';
import { createPinoLogger } from './pino-logger.ts';

function capture() {
  const lines: string[] = [];
  return { lines, logger: createPinoLogger('debug', { write: (line: string) => void lines.push(line) }) };
}

test('a line is one parseable line, whatever is in it', () => {
  const { lines, logger } = capture();
  logger.info('hostile', { user: 'a\r\nlevel=error\u001b[31m', operation: '\u2028' });
  expect(lines).toHaveLength(1);
  expect(lines[0]?.trimEnd()).not.toMatch(/[\r\n\u001b]/);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'info', msg: 'hostile' });
});

test('a key is struck out, even inside a cause', () => {
  const { lines, logger } = capture();
  const cause = new Error('sent pmn_abcdefghjkmnpqrstvwxyz0123456789');
  logger.error('failed', {}, new PolymniaError('internal', 'no', { cause }));
  expect(lines.join('')).toContain('pmn_[struck out]');
  expect(lines.join('')).not.toContain('abcdefghjk');
});

test('an error tells its chain of causes but not its details', () => {
  const { lines, logger } = capture();
  logger.error('failed', {}, new PolymniaError('conflict', 'outer', { cause: new Error('inner'), details: { quoted: 'private words' } }));
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ error: ['PolymniaError: outer', 'Error: inner'] });
  expect(lines.join('')).not.toContain('private words');
});
