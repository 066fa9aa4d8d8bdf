import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { callerPath } from '../../node/caller-path.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const here = process.cwd();
const startedBy = (caller: string, manifest = join(here, 'package.json')) => ({
  INIT_CWD: caller,
  npm_package_json: manifest,
});

test('a relative path is resolved where npm was started, if it exists there', async () => {
  const caller = realpathSync(await temporaryFolder({ 'photo.jpg': '', 'photos/a/1.jpg': '' }));
  expect(callerPath('photo.jpg', startedBy(caller))).toBe(join(caller, 'photo.jpg'));
  expect(callerPath('photos', startedBy(caller))).toBe(join(caller, 'photos'));
  expect(callerPath('package.json', startedBy(caller)), 'only in the package').toBe('package.json');
  expect(callerPath('missing.jpg', startedBy(caller)), 'nowhere').toBe('missing.jpg');
});

test('a path below the package is stored relative to it, so that a run has the same data from any directory', () => {
  expect(callerPath('node', startedBy(join(here, 'test')))).toBe(join('test', 'node'));
  expect(callerPath(join('..', 'node'), startedBy(join(here, 'test')))).toBe('node');
  expect(callerPath('.', startedBy(join(here, 'test')))).toBe('test');
});

test.each<[string, string, NodeJS.ProcessEnv]>([
  ['without npm', 'node', {}],
  ['with npm of another package', 'node', startedBy(join(here, 'test'), join(here, 'test', 'package.json'))],
  ['if npm was started in the package', 'node', startedBy(here)],
  ['if it is absolute', join(here, 'node'), startedBy(join(here, 'test'))],
])('a path stays as it is %s', (_, path, environment) => {
  expect(callerPath(path, environment)).toBe(path);
});
