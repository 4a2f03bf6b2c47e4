import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { settingsWith } from '../config/settings.ts';
import { silentLogger } from '../kernel/logger.ts';
import { temporaryFolder } from '../../test/support/storage.ts';
import { startServer } from './server.ts';

test('a start that fails on a taken port does not use up the one showing of the first key', async () => {
  await using folder = await temporaryFolder();
  await using other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const taken = (other.address() as AddressInfo).port;
  await expect(startServer(settingsWith({ DATA_DIR: folder.path, PORT: taken }), silentLogger)).rejects.toMatchObject({ code: 'conflict' });
  await using first = await startServer(settingsWith({ DATA_DIR: folder.path, PORT: 0 }), silentLogger);
  expect(first.firstKey).toMatch(/^pmn_/);
  await first.stop();
  await using second = await startServer(settingsWith({ DATA_DIR: folder.path, PORT: 0 }), silentLogger);
  expect(second.firstKey).toBeUndefined();
});
