import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { runProgram } from '../../node/program.ts';
import { moduleAddress } from '../support/command.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('a file is written with its folders, and overwritten completely', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'a/b/c.txt');
  await writeFileAtomically(path, 'a text that is longer');
  await writeFileAtomically(path, Uint8Array.of(0x6f, 0x6b));
  expect(await readFile(path, 'utf8')).toBe('ok');
  expect(await readdir(join(folder, 'a/b'))).toEqual(['c.txt']);
});

test('if it cannot be written, the existing file stays and no temporary file is left', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'taken/by a folder'), { recursive: true });
  await expect(writeFileAtomically(join(folder, 'taken'), 'text')).rejects.toThrow();
  expect(await readdir(folder)).toEqual(['taken']);
});

test('a process that exits before a temporary file has its name removes the file', async () => {
  const folder = await temporaryFolder();
  const script = `
    const { withTemporaryFiles, writeFileAtomically } = await import(${JSON.stringify(moduleAddress('node/atomic-file.ts'))});
    const path = ${JSON.stringify(join(folder, 'model.onnx.1.tmp'))};
    await withTemporaryFiles([path], async () => {
      await writeFileAtomically(path, 'content');
      process.exit(130);
    });`;
  const args = ['--input-type=module', '-e', script];
  expect(await runProgram(process.execPath, args)).toMatchObject({ status: 130, stderr: '' });
  expect(await readdir(folder)).toEqual([]);
});

test('a process that is killed while writing always leaves a complete file', async () => {
  const path = join(await temporaryFolder(), 'big');
  const size = 3_000_000;
  await writeFileAtomically(path, 'a'.repeat(size));
  const module = moduleAddress('node/atomic-file.ts');
  const script = `const { writeFileAtomically } = await import(${JSON.stringify(module)});
    process.stdout.write('ready');
    for (let i = 0; ; i++) await writeFileAtomically(${JSON.stringify(path)}, 'ab'[i % 2].repeat(${size} + i % 2));`;
  for (const delayMs of [3, 11, 26, 47]) {
    const args = ['--input-type=module', '-e', script];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    await sleep(delayMs);
    child.kill('SIGKILL');
    await ended;
    const text = await readFile(path, 'utf8');
    expect(['a'.repeat(size), 'b'.repeat(size + 1)].includes(text), `after ${delayMs} ms`).toBe(true);
  }
});
