import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pipArguments } from '../../../setup/pip.ts';
import { installWheel, linkSolver, wheelFor } from '../../../setup/tensorflow/wheel.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const hasPip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;
const cpuWheel = wheelFor('cpu', 'linux', 'x64');

describe('the wheel', () => {
  it('exists for Linux, with CUDA only on x64', () => {
    expect(wheelFor('cuda', 'linux', 'x64')).toBeDefined();
    expect(wheelFor('cpu', 'linux', 'arm64')).toBeDefined();
    expect(wheelFor('cuda', 'linux', 'arm64')).toBeUndefined();
    expect(wheelFor('cpu', 'darwin', 'arm64')).toBeUndefined();
    expect(wheelFor('cpu', 'win32', 'x64')).toBeUndefined();
  });

  it('is pinned, with its dependencies, by version and hash', async () => {
    for (const [flavour, arch, packages] of [
      ['cpu', 'x64', 1],
      ['cpu', 'arm64', 1],
      ['cuda', 'x64', 13],
    ] as const) {
      const wheel = wheelFor(flavour, 'linux', arch);
      const lines = (await readFile(wheel?.requirements ?? '', 'utf8'))
        .split('\n')
        .filter((line) => line && !line.startsWith('#'));
      expect(lines.filter((line) => /^[a-z0-9-]+==[\d.]+ \\$/.test(line))).toHaveLength(packages);
      expect(lines.filter((line) => /^ {4}--hash=sha256:[0-9a-f]{64}$/.test(line))).toHaveLength(packages);
      expect(lines).toHaveLength(2 * packages);
    }
  });

  it('of CUDA has cuSOLVER where TensorFlow searches for it', async () => {
    const folder = await temporaryFolder({
      'nvidia/cublas/lib/libcublas.so.12': '',
      'nvidia/cusolver/lib/libcusolver.so.11': 'cuSOLVER',
    });
    for (const _time of [1, 2]) await linkSolver(folder);
    expect(await readFile(join(folder, 'nvidia/cublas/lib/libcusolver.so.11'), 'utf8')).toBe('cuSOLVER');
    const cpu = await temporaryFolder({ 'tensorflow/': '' });
    await linkSolver(cpu);
    expect(await readdir(cpu)).toEqual(['tensorflow']);
  });

  it('is chosen by fixed tags, independent of the Python version', () => {
    const args = cpuWheel && pipArguments(cpuWheel, '/target');
    expect(args).toEqual(expect.arrayContaining(['--require-hashes', '--no-deps', '--abi', 'cp312']));
    expect(args?.slice(-4)).toEqual(['--platform', 'manylinux_2_27_x86_64', '--target', '/target']);
  });
});

describe.skipIf(!hasPip)('a download (skipped without python3 and pip)', () => {
  let cache: string;
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'textura-wheel-'));
    vi.stubEnv('PIP_NO_INDEX', '1');
  });
  afterEach(async () => {
    await rm(cache, { recursive: true });
  });

  async function install(): Promise<void> {
    if (cpuWheel !== undefined) await installWheel(cpuWheel, join(cache, 'tensorflow'));
  }

  it("that fails prints pip's output and leaves no partial files", async () => {
    vi.stubEnv('PIP_FIND_LINKS', cache);
    await expect(install()).rejects.toMatchObject({
      code: 'engine-unavailable',
      message: expect.stringContaining('No matching distribution found'),
    });
    expect(await readdir(cache)).toEqual([]);
  });

  it('with another hash than the pinned one is rejected', async () => {
    const links = join(cache, 'links');
    await mkdir(links);
    await writeFile(
      join(links, 'tensorflow_cpu-2.21.0-cp312-cp312-manylinux_2_27_x86_64.whl'),
      'not TensorFlow',
    );
    vi.stubEnv('PIP_FIND_LINKS', links);
    await expect(install()).rejects.toThrow(/HASH/i);
    expect(await readdir(cache)).toEqual(['links']);
  });

  it('removes the files of a killed one, and leaves one in progress untouched', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    await mkdir(join(cache, `tensorflow.partial-${dead}`, 'wheel'), { recursive: true });
    await mkdir(join(cache, `tensorflow.partial-${process.ppid}`));
    vi.stubEnv('PIP_FIND_LINKS', cache);
    await expect(install()).rejects.toThrow();
    expect(await readdir(cache)).toEqual([`tensorflow.partial-${process.ppid}`]);
  });
});
