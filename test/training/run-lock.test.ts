import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProgram } from '../../node/program.ts';
import { claimRun } from '../../training/run-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const module = new URL('../../training/run-claim.ts', import.meta.url).href;

/** A process that holds the claim until it is ended. */
async function claimingProcess(directory: string) {
  const script = `const { claimRun } = await import(${JSON.stringify(module)});
    await claimRun(${JSON.stringify(directory)});
    process.stdout.write('claimed');
    setInterval(() => {}, 1000);`;
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', script];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

test('a run that a living process trains is refused, naming it; one whose process was killed is not', {
  timeout: 120_000,
}, async () => {
  const directory = await temporaryFolder();
  const child = await claimingProcess(directory);
  await expect(claimRun(directory)).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining(`process ${child.pid} is training in it`),
  });
  child.kill('SIGKILL');
  await once(child, 'exit');
  const claim = await claimRun(directory);
  expect(await readdir(directory)).toEqual(['.claim.json']);
  claim.release();
  expect(await readdir(directory)).toEqual([]);
});

test('a process that ends by itself ends its claim', { timeout: 120_000 }, async () => {
  const directory = await temporaryFolder();
  const script = `const { claimRun } = await import(${JSON.stringify(module)});
    await claimRun(${JSON.stringify(directory)});
    process.exit((await import('node:fs')).readdirSync(${JSON.stringify(directory)}).length);`;
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', script];
  // One file while it lived, none afterwards.
  expect(await runProgram(process.execPath, args)).toMatchObject({ status: 1 });
  expect(await readdir(directory)).toEqual([]);
});

test('a number that another process has meanwhile does not keep the claim', async () => {
  const directory = await temporaryFolder();
  const first = await claimRun(directory);
  const path = join(directory, '.claim.json');
  const claim = JSON.parse(await readFile(path, 'utf8'));
  first.release();
  await writeFile(path, JSON.stringify({ ...claim, mark: `${claim.mark}0` }));
  (await claimRun(directory)).release();
});

test('a claim from another machine counts as long as it is kept young', async () => {
  const directory = await temporaryFolder();
  const path = join(directory, '.claim.json');
  await writeFile(path, JSON.stringify({ host: 'elsewhere', pid: process.pid, mark: '1' }));
  await expect(claimRun(directory)).rejects.toThrow(`process ${process.pid} on elsewhere`);
  const minutesAgo = new Date(Date.now() - 120_000);
  await utimes(path, minutesAgo, minutesAgo);
  (await claimRun(directory)).release();
});

test('what a killed process left half written is removed, what a living one writes is not', async () => {
  const directory = await temporaryFolder();
  await mkdir(join(directory, 'checkpoint'));
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  for (const pid of [child.pid, process.pid]) {
    await writeFile(join(directory, `checkpoint/last.safetensors.${pid}.tmp`), 'half');
    await writeFile(join(directory, `run.json.${pid}.tmp`), 'half');
  }
  const claim = await claimRun(directory);
  expect(await readdir(join(directory, 'checkpoint'))).toEqual([`last.safetensors.${process.pid}.tmp`]);
  expect((await readdir(directory)).filter((name) => name.endsWith('.tmp'))).toEqual([
    `run.json.${process.pid}.tmp`,
  ]);
  claim.release();
});
