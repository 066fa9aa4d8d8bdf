import { join } from 'node:path';
import { expect, test } from 'vitest';
import { foreignFolders } from '../../setup/slim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('the libraries of other systems and processors are found with their sizes, and not those of this one', async () => {
  const bin = await temporaryFolder({
    'linux/x64/libonnxruntime.so.1': 'own',
    'linux/arm64/libonnxruntime.so.1': '12345',
    'win32/x64/onnxruntime.dll': '123',
    'win32/x64/DirectML.dll': '1234',
    'darwin/README': 'a file',
  });
  const found = await foreignFolders(join(bin, 'linux', 'x64'));
  expect(found.toSorted((a, b) => a.bytes - b.bytes)).toEqual([
    { path: join(bin, 'linux', 'arm64'), bytes: 5 },
    { path: join(bin, 'win32', 'x64'), bytes: 7 },
  ]);
});

test('nothing is deleted where this system has no libraries', async () => {
  const bin = await temporaryFolder({ 'win32/x64/onnxruntime.dll': '123' });
  expect(await foreignFolders(join(bin, 'linux', 'x64'))).toEqual([]);
});
