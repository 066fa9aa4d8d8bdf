import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { pythonEnvironment } from '../../../bench/peer/interpreter.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('without its packages the environment is missing, with the reason, and does not count as created', async (context) => {
  const folder = await temporaryFolder({ 'requirements.txt': 'numpy==2.2.6\n' });
  const cache = join(folder, 'cache');
  const installs: string[] = [];
  const plan = {
    purpose: 'test',
    requirements: join(folder, 'requirements.txt'),
    cache,
    onInstall: () => installs.push('installs'),
  };
  // No network: no index, and no folder of wheels either.
  vi.stubEnv('PIP_NO_INDEX', '1');
  vi.stubEnv('PIP_FIND_LINKS', folder);
  const environment = await pythonEnvironment(plan);
  context.skip(installs.length === 0, 'missing' in environment ? environment.missing : '');
  expect(environment).toEqual({
    missing: expect.stringMatching(/^its packages could not be installed: .*numpy==2\.2\.6/),
  });
  const [made = ''] = readdirSync(cache);
  expect(existsSync(join(cache, made, 'complete'))).toBe(false);
}, 120_000);
