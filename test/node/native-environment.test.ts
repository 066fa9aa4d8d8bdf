/** What native code sees of the environment, in processes and threads of ours. */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../../node/program.ts';
import { runScript } from '../support/command.ts';
import { freshHome } from '../support/fresh-home.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/**
 * Runs onnxruntime in a process with an empty home folder; returns the environment of native code and the
 * folder's content.
 */
async function seenBy(script: string, set: Readonly<Record<string, string>>) {
  const cwd = await temporaryFolder();
  const home = await freshHome(cwd);
  const result = await runScript(`test/support/${script}`, [], { cwd, env: { ...home.env, ...set } });
  expect(result).toMatchObject({ status: 0, stderr: '' });
  return { environment: JSON.parse(result.stdout) as Record<string, string>, home: home.contents() };
}

describe.each([
  { where: 'process', script: 'native-session.ts' },
  { where: 'worker thread', script: 'native-session-thread.ts' },
])('a $where that computes with onnxruntime', ({ script }) => {
  test('has telemetry and TensorFloat-32 turned off, and leaves nothing in the home folder', async () => {
    expect(await seenBy(script, {})).toEqual({
      environment: { ORT_DISABLE_TELEMETRY: '1', NVIDIA_TF32_OVERRIDE: '0' },
      home: [],
    });
  });

  test('reads an empty value as none', async () => {
    const set = { ORT_DISABLE_TELEMETRY: '', NVIDIA_TF32_OVERRIDE: '' };
    expect((await seenBy(script, set)).environment).toEqual({
      ORT_DISABLE_TELEMETRY: '1',
      NVIDIA_TF32_OVERRIDE: '0',
    });
  });
});

test('settings of the user stay; with telemetry onnxruntime does write files to the home folder', async () => {
  const set = { ORT_DISABLE_TELEMETRY: '0', NVIDIA_TF32_OVERRIDE: '1' };
  const { environment, home } = await seenBy('native-session-thread.ts', set);
  expect(environment).toEqual(set);
  if (process.platform === 'linux') expect(home.join()).toContain('.onnxruntime');
});

const repository = fileURLToPath(new URL('../../', import.meta.url));

test('the lint rejects onnxruntime-node in every form of import', async () => {
  const statements = [
    `import { env } from 'onnxruntime-node';`,
    `import 'onnxruntime-node';`,
    `export { env } from 'onnxruntime-node';`,
    `export const runtime = import('onnxruntime-node');`,
    `export const runtime = require('onnxruntime-node');`,
  ];
  const folder = await temporaryFolder(
    Object.fromEntries(statements.map((text, i) => [`${i}.ts`, `${text}\n`])),
  );
  const args = ['lint', `--config-path=${repository}`, '--vcs-enabled=false', '--reporter=github', folder];
  const biome = 'node_modules/@biomejs/biome/bin/biome';
  const { stdout } = await runProgram(process.execPath, [biome, ...args], { cwd: repository });
  const refused = statements.map((_, i) => stdout.includes(`${i}.ts,line=1`));
  expect(refused, stdout).toEqual(statements.map(() => true));
  expect(stdout.match(/Import node\/onnxruntime\.ts instead/g)).toHaveLength(statements.length);
});
