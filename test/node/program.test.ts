import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { nvidiaGpus, parseGpuList } from '../../node/machine.ts';
import { firstLineOf, runProgram } from '../../node/program.ts';
import { exitOnStopSignal } from '../../node/stop-signal.ts';
import { moduleAddress } from '../support/command.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** setsid(1) starts a program in a session of its own. */
const hasSessions = spawnSync('setsid', ['--version']).status === 0;

describe('a program', () => {
  it('returns its status and output', async () => {
    const script =
      'process.stdout.write("out"); process.stderr.write(process.env.WORD); process.exitCode = 7;';
    expect(await runProgram(process.execPath, ['-e', script], { env: { WORD: 'err' } })).toEqual({
      status: 7,
      signal: null,
      stdout: 'out',
      stderr: 'err',
    });
  });

  it('that is missing is a result, not an error', async () => {
    const result = await runProgram('no-such-program-anywhere', []);
    expect(result.status).toBeNull();
    expect(result.stderr).toContain('no-such-program-anywhere');
    expect(await firstLineOf('no-such-program-anywhere', ['--version'])).toBeUndefined();
  });

  it('that is missing does not make this process wait for the time limit', async () => {
    const module = moduleAddress('node/program.ts');
    const script = `const { runProgram } = await import(${JSON.stringify(module)}); await runProgram('no-such-program-anywhere', [], { timeoutMs: 30_000 });`;
    const start = performance.now();
    const args = ['--input-type=module', '-e', script];
    expect((await runProgram(process.execPath, args)).status).toBe(0);
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it('that takes longer than its limit is ended', async () => {
    const result = await runProgram(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'], {
      timeoutMs: 300,
    });
    expect(result).toMatchObject({ status: null, signal: 'SIGKILL' });
  });

  it.skipIf(!hasSessions)(
    'that takes longer leaves its output, and nothing waits for its pipes',
    async () => {
      const start = performance.now();
      const script = 'echo first; setsid sleep 20 & wait';
      const result = await runProgram('sh', ['-c', script], { timeoutMs: 3000 });
      expect(result).toMatchObject({ status: null, signal: 'SIGKILL', stdout: 'first\n' });
      expect(performance.now() - start).toBeLessThan(15_000);
    },
  );
});

describe.skipIf(process.platform === 'win32')('Ctrl-C', () => {
  it('ends the program and what it started, and not this process', async () => {
    const module = moduleAddress('node/program.ts');
    const script = `const { runProgram } = await import(${JSON.stringify(module)});
      setTimeout(() => process.kill(process.pid, 'SIGINT'), 500);
      const program = runProgram('sh', ['-c', 'sleep 50; echo'], { doing: 'sleeping' });
      await program.catch(({ code, message }) => process.stdout.write(code + ': ' + message));`;
    const args = ['--input-type=module', '-e', script];
    const start = performance.now();
    expect(await runProgram(process.execPath, args)).toMatchObject({
      status: 0,
      stdout: 'interrupted: stopped while sleeping; run the command again',
    });
    expect(performance.now() - start).toBeLessThan(25_000);
  });

  it('says how to resume the command that started the program, if it has begun', async () => {
    const release = exitOnStopSignal('train', () => 'stopped. Resume with: npm run train -- --resume');
    onTestFinished(release);
    const program = runProgram('sleep', ['50'], { doing: 'loading TensorFlow' });
    process.emit('SIGINT', 'SIGINT');
    await expect(program).rejects.toMatchObject({
      code: 'interrupted',
      message: 'stopped. Resume with: npm run train -- --resume',
    });
  });

  it.skipIf(!hasSessions)('does not wait for a process of another session that keeps the pipes', async () => {
    const ready = join(await temporaryFolder({}), 'ready');
    // The first program waits for the process, the second has ended before the signal.
    for (const script of ['setsid sleep 20 & touch "$1"; wait', 'setsid sleep 20 & touch "$1"']) {
      const program = runProgram('sh', ['-c', script, 'sh', ready]);
      await vi.waitUntil(() => existsSync(ready), 20_000);
      await rm(ready);
      const start = performance.now();
      process.emit('SIGINT', 'SIGINT');
      await expect(program).rejects.toMatchObject({ code: 'interrupted' });
      expect(performance.now() - start).toBeLessThan(10_000);
    }
  });

  it('kills a program that ignores it', async () => {
    const ready = join(await temporaryFolder({}), 'ready');
    const program = runProgram('sh', ['-c', 'trap "" TERM INT; touch "$1"; sleep 50', 'sh', ready]);
    await vi.waitUntil(() => existsSync(ready), 20_000);
    const start = performance.now();
    process.emit('SIGINT', 'SIGINT');
    await expect(program).rejects.toMatchObject({ code: 'interrupted' });
    expect(performance.now() - start).toBeLessThan(25_000);
  });

  it('while nvidia-smi runs ends the command, which does not continue without a GPU', async () => {
    const folder = await temporaryFolder({ 'nvidia-smi': '#!/bin/sh\nexec sleep 50\n' });
    await chmod(join(folder, 'nvidia-smi'), 0o755);
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
    const stopping = setInterval(() => process.emit('SIGINT', 'SIGINT'), 50);
    onTestFinished(() => clearInterval(stopping));
    await expect(nvidiaGpus()).rejects.toMatchObject({ code: 'interrupted' });
  });
});

describe('the list of GPUs', () => {
  it('has a line for each', () => {
    const text = 'NVIDIA H100 80GB HBM3, 570.86.15, 81559 MiB\nNVIDIA T4, 570.86.15, 15360 MiB\n';
    expect(parseGpuList(text)).toHaveLength(2);
  });

  it('is empty if the driver reports an error in text', () => {
    expect(parseGpuList('No devices were found\n')).toEqual([]);
  });
});
