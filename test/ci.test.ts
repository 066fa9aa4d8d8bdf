/** Continuous integration's commands, with fake system programs that record their calls. */
import { chmod, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../node/program.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const pathOf = (file: string) => fileURLToPath(new URL(`../.ci/${file}`, import.meta.url));

/** Runs .ci/packages where the PATH has `programs` and nothing else, given as bodies of shell scripts. */
async function installPackages(programs: Readonly<Record<string, string>>) {
  const folder = await temporaryFolder({ calls: '', 'bin/': '' });
  for (const [name, body] of Object.entries(programs)) {
    const path = join(folder, 'bin', name);
    await writeFile(path, `#!/bin/sh\necho "${name} $*" >> ${folder}/calls\n${body}\n`);
    await chmod(path, 0o755);
  }
  await symlink('/usr/bin/env', join(folder, 'bin/env'));
  const env = { PATH: join(folder, 'bin') };
  const { status, stdout } = await runProgram('/bin/bash', [pathOf('packages')], { env });
  const calls = (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n');
  return {
    status,
    stdout,
    calls: calls.filter((call) => call.startsWith('apt-get') || call.startsWith('sudo')),
  };
}

const wanted = [
  'g++',
  'make',
  'python3',
  'python3-venv',
  'python3-pip',
  'chromium',
  'zsh',
  'fish',
  'redis-server',
  'libvulkan1',
];
const installs = ['apt-get update -qq', ...wanted.map((name) => `apt-get install -y -qq ${name}`)];
const asSudo = 'shift; exec "$@"';

describe.skipIf(process.platform !== 'linux')('the packages of continuous integration', () => {
  test('are installed one by one by root, and a missing one does not prevent the others', async () => {
    const aptGet = 'case "$*" in *chromium*) exit 100;; esac';
    const { status, stdout, calls } = await installPackages({ id: 'echo 0', 'apt-get': aptGet });
    expect({ status, calls }).toEqual({ status: 0, calls: installs });
    expect(stdout).toBe('No chromium here: tests that need it are skipped.\n');
  });

  test('are installed through sudo by another user', async () => {
    const { status, calls } = await installPackages({
      id: 'echo 1001',
      sudo: asSudo,
      'apt-get': '',
      true: '',
    });
    expect(status).toBe(0);
    expect(calls.filter((call) => call.startsWith('apt-get'))).toEqual(installs);
    const throughSudo = installs.map((call) => `sudo -n env DEBIAN_FRONTEND=noninteractive ${call}`);
    expect(calls.filter((call) => call.startsWith('sudo'))).toEqual(['sudo -n true', ...throughSudo]);
  });

  test.each([
    { where: 'there is no sudo', programs: { id: 'echo 1001', 'apt-get': '' } },
    { where: 'sudo asks for a password', programs: { id: 'echo 1001', 'apt-get': '', sudo: 'exit 1' } },
    { where: 'there is no apt-get', programs: { id: 'echo 0' } },
    { where: 'there is no network', programs: { id: 'echo 0', 'apt-get': 'exit 100' } },
  ])('are done without where $where, and that is said', async ({ programs }) => {
    const { status, stdout, calls } = await installPackages(programs);
    expect(status).toBe(0);
    expect(calls.filter((call) => call.includes('install'))).toEqual([]);
    expect(stdout).toMatch(/: tests that need g\+\+ make .* libvulkan1 are skipped\.\n$/);
  });

  test('are followed by the test command of the README', async () => {
    const lines = (await readFile(pathOf('run'), 'utf8')).trim().split('\n');
    expect(lines.slice(-2)).toEqual(['.ci/packages', 'npm ci && npm test']);
  });
});
