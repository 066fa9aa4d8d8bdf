import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { dataOption, dataPath } from '../../../training/data/data-option.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('a folder is resolved where npm was started, and generated is never a folder', async () => {
  const caller = await temporaryFolder({ 'photos/a/1.png': '', 'generated/a/1.png': '' });
  vi.stubEnv('INIT_CWD', caller);
  vi.stubEnv('npm_package_json', join(process.cwd(), 'package.json'));
  expect(dataPath('photos')).toBe(join(caller, 'photos'));
  expect(dataPath('generated')).toBe('generated');
  expect(dataOption.description).toMatch(/^folder of photographs.*where npm was started/);
});
