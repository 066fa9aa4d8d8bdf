import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test, vi } from 'vitest';
import { takeFolderLock } from '../../node/folder-lock.ts';
import { ownIdentity, type ProcessIdentity } from '../../node/process-life.ts';
import { runProgram } from '../../node/program.ts';
import { moduleAddress } from '../support/command.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const module = JSON.stringify(moduleAddress('node/folder-lock.ts'));

/**
 * A process that takes the lock of each directory that it is sent, keeps it, and answers `held` or the
 * error's code.
 */
function startRival(): { child: ChildProcess; ask: (directory: string) => Promise<string> } {
  const script = `const { takeFolderLock } = await import(${module});
    const { createInterface } = await import('node:readline');
    process.setMaxListeners(0);
    for await (const directory of createInterface({ input: process.stdin }))
      console.log(await takeFolderLock(directory).then(() => 'held', ({ code }) => code));`;
  const args = ['--input-type=module', '-e', script];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    async ask(directory) {
      child.stdin.write(`${directory}\n`);
      return (await answers.next()).value ?? 'ended';
    },
  };
}

async function killed(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('if several processes find the lock of a killed one at the same time, one takes it', {
  timeout: 240_000,
}, async () => {
  const folder = await temporaryFolder();
  // A trial writes seven files to the disk, which takes seconds on a busy machine.
  const trials = Array.from({ length: 15 }, (_, i) => join(folder, String(i)));
  const doomed = startRival();
  for (const directory of trials) expect(await doomed.ask(directory)).toBe('held');
  await killed(doomed.child);
  const rivals = Array.from({ length: 6 }, startRival);
  // Once each, so that all have loaded before they compete.
  for (const [i, { ask }] of rivals.entries()) await ask(join(folder, `own ${i}`));
  for (const directory of trials) {
    const answers = await Promise.all(rivals.map(({ ask }) => ask(directory)));
    expect(answers.toSorted(), directory).toEqual(['held', ...Array.from({ length: 5 }, () => 'usage')]);
    expect(await readdir(directory)).toHaveLength(1);
  }
});

test('a directory in use by a running process is rejected with its id; one whose process was killed is not', {
  timeout: 120_000,
}, async () => {
  const directory = await temporaryFolder();
  const { child, ask } = startRival();
  expect(await ask(directory)).toBe('held');
  await expect(takeFolderLock(directory)).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining(`is in use by process ${child.pid}`),
  });
  const patient = takeFolderLock(directory, 60_000);
  await killed(child);
  const lock = await patient;
  expect(await readdir(directory)).toHaveLength(1);
  lock.release();
  expect(await readdir(directory)).toEqual([]);
});

test('a process that has waited for ten seconds still counts as waiting, and the first one gets the lock', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  const directory = await temporaryFolder({ [lockFile]: lockOf({}) });
  const statesOf = async () => {
    const others = (await readdir(directory)).filter((name) => name !== lockFile).sort();
    return Promise.all(
      others.map(async (name) => JSON.parse(await readFile(join(directory, name), 'utf8')).state),
    );
  };
  const first = takeFolderLock(directory, 60_000);
  await expect.poll(statesOf).toEqual(['waiting']);
  vi.advanceTimersByTime(30_000);
  // A dead lock is removed when the first process looks again.
  const dead = join(directory, '.lock-1-dead.json');
  await writeFile(dead, lockOf({ boot: 'before' }));
  await expect.poll(() => existsSync(dead)).toBe(false);
  const second = takeFolderLock(directory, 60_000);
  second.catch(() => {});
  await expect.poll(statesOf).toEqual(['waiting', 'waiting']);
  await rm(join(directory, lockFile));
  const lock = await first;
  await expect(second).rejects.toMatchObject({ code: 'usage' });
  expect(await statesOf()).toEqual(['holding']);
  lock.release();
});

test('a process that ends normally, or by a signal without a listener, releases its lock', {
  timeout: 120_000,
}, async () => {
  const directory = await temporaryFolder();
  const end = async (how: string) => {
    const script = `const { takeFolderLock } = await import(${module});
      await takeFolderLock(${JSON.stringify(directory)});
      process.stdout.write(String((await import('node:fs')).readdirSync(${JSON.stringify(directory)}).length));
      ${how}; await new Promise(() => setInterval(() => {}, 1000));`;
    const args = ['--input-type=module', '-e', script];
    const { status, stdout } = await runProgram(process.execPath, args);
    return [status, stdout, await readdir(directory)];
  };
  expect(await end('process.exit(7)')).toEqual([7, '1', []]);
  expect(await end("process.kill(process.pid, 'SIGTERM')")).toEqual([130, '1', []]);
});

const lockFile = '.lock-1700000000000-a.json';
const lockOf = (changes: Partial<ProcessIdentity>) =>
  JSON.stringify({ ...ownIdentity(), ...changes, state: 'holding' });

test('a process id that was reused does not keep the lock', async () => {
  const files = { [lockFile]: lockOf({ tick: `${ownIdentity().tick}0` }) };
  (await takeFolderLock(await temporaryFolder(files))).release();
});

test('the lock of another machine or container counts as long as it is touched', async () => {
  const { host } = ownIdentity();
  for (const other of [{ host: 'elsewhere' }, { host, namespace: 'pid:[1]' }]) {
    const directory = await temporaryFolder({ [lockFile]: lockOf(other) });
    await expect(takeFolderLock(directory)).rejects.toThrow(`process ${process.pid} on ${other.host}`);
    const minutesAgo = new Date(Date.now() - 120_000);
    await utimes(join(directory, lockFile), minutesAgo, minutesAgo);
    (await takeFolderLock(directory)).release();
    expect(await readdir(directory)).toEqual([]);
  }
});

test('a lock from before the machine was started does not count', async () => {
  const files = { [lockFile]: lockOf({ boot: 'before' }) };
  (await takeFolderLock(await temporaryFolder(files))).release();
});

test('a directory that the lock created is removed with it, unless something was written there', async () => {
  const folder = await temporaryFolder();
  (await takeFolderLock(join(folder, 'a/b/c'))).release();
  expect(await readdir(folder)).toEqual([]);
  await mkdir(join(folder, 'mine'));
  (await takeFolderLock(join(folder, 'mine'))).release();
  const lock = await takeFolderLock(join(folder, 'a/b'));
  await writeFile(join(folder, 'a/kept.txt'), 'text');
  lock.release();
  expect(await readdir(folder)).toEqual(['a', 'mine']);
  expect(await readdir(join(folder, 'a'))).toEqual(['kept.txt']);
  expect(await readFile(join(folder, 'a/kept.txt'), 'utf8')).toBe('text');
});

test('a path that cannot be a directory is reported with the reason', async () => {
  const folder = await temporaryFolder({ file: 'text' });
  for (const [path, reason] of [
    ['file', 'it is a file, not a folder'],
    ['file/run', 'a part of the path is a file'],
    ['n'.repeat(300), 'the name is too long'],
  ] as const) {
    await expect(takeFolderLock(join(folder, path))).rejects.toMatchObject({
      code: 'output-unwritable',
      message: expect.stringContaining(`${join(folder, path)}: cannot be written: ${reason}`),
    });
  }
});

test('partial files of a killed process are removed, those of a running one are not', async () => {
  const directory = await temporaryFolder();
  await mkdir(join(directory, 'checkpoint'));
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  for (const pid of [child.pid, process.pid]) {
    await writeFile(join(directory, `checkpoint/last.safetensors.${pid}.tmp`), 'half');
    await writeFile(join(directory, `run.json.${pid}.tmp`), 'half');
  }
  const lock = await takeFolderLock(directory);
  expect(await readdir(join(directory, 'checkpoint'))).toEqual([`last.safetensors.${process.pid}.tmp`]);
  expect((await readdir(directory)).filter((name) => name.endsWith('.tmp'))).toEqual([
    `run.json.${process.pid}.tmp`,
  ]);
  lock.release();
});
