/** How a process finds CUDA's libraries, with small libraries in their place. */
import { spawnSync } from 'node:child_process';
import { lstatSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isCudaLibrary, linkProvider, providerLibraries } from '../../node/cuda-libraries.ts';
import { runProgram } from '../../node/program.ts';
import { moduleAddress } from '../support/command.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const hasCompiler = spawnSync('cc', ['--version']).status === 0;

test("NVIDIA's libraries are those that the provider uses, in the versions that it uses", () => {
  for (const name of ['libcublasLt.so.13', 'libnvrtc-builtins.so.13.1', 'libcudnn_engines_tensor_ir.so.9']) {
    expect(isCudaLibrary(name), name).toBe(true);
  }
  for (const name of [
    'libcublas.so.12',
    'libnvrtc.alt.so.13',
    'libcudnn.so',
    'libcudnn.so.8',
    'libcuda.so.1',
  ]) {
    expect(isCudaLibrary(name), name).toBe(false);
  }
});

describe.runIf(process.platform === 'linux' && hasCompiler)('libraries in a folder', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'textura-cuda-'));
    // cuBLAS needs cuBLASLt by name and has no path of its own to it.
    await compile('libcublasLt.so.13', 'int lt(void) { return 7; }');
    await compile('libcublas.so.13', 'int lt(void); int blas(void) { return lt(); }', [
      join(folder, 'libcublasLt.so.13'),
    ]);
    await writeFile(join(folder, 'libcurand.so.10'), 'not a library');
    await writeFile(join(folder, 'libother.so'), 'is not opened');
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function compile(name: string, source: string, needs: readonly string[] = []): Promise<void> {
    await writeFile(join(folder, 'source.c'), source);
    const args = ['-shared', '-fPIC', `-Wl,-soname,${name}`, '-o', join(folder, name), 'source.c', ...needs];
    const { status, stderr } = await runProgram('cc', args, { cwd: folder });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    await rm(join(folder, 'source.c'));
  }

  /** Evaluates `module` with `loadLibraries`, `opens(name)` and `folder`. */
  async function evaluate(module: string): Promise<unknown> {
    const preface = `
      const { loadLibraries } = await import(${JSON.stringify(moduleAddress('node/cuda-libraries.ts'))});
      const folder = ${JSON.stringify(folder)};
      const opens = (name) => {
        try { process.dlopen({ exports: {} }, name); } catch (error) { return error.message.includes('self-register'); }
      };`;
    const args = ['--input-type=module', '-e', `${preface}${module}`];
    const { stdout, stderr } = await runProgram(process.execPath, args, {
      cwd: repository,
      env: { LD_LIBRARY_PATH: undefined },
    });
    expect(stderr).toBe('');
    return JSON.parse(stdout);
  }

  test('are found by name once they are loaded by path, and one that is not a library is named', async () => {
    const module = `
      const names = ['libcublas.so.13', 'libcublasLt.so.13'];
      const before = names.map(opens);
      const problems = loadLibraries(folder);
      console.log(JSON.stringify({ before, problems, after: names.map(opens) }));`;
    expect(await evaluate(module)).toEqual({
      before: [false, false],
      problems: [expect.stringMatching(/libcurand\.so\.10: (file too short|invalid ELF header)/)],
      after: [true, true],
    });
  });

  test('are found in the main thread if a worker thread loaded them and ended', async () => {
    const load = `
      import { loadLibraries } from ${JSON.stringify(moduleAddress('node/cuda-libraries.ts'))};
      loadLibraries(${JSON.stringify(folder)});`;
    await writeFile(join(folder, 'load.mjs'), load);
    const module = `
      const { startThread } = await import(${JSON.stringify(moduleAddress('node/thread.ts'))});
      const { pathToFileURL } = await import('node:url');
      const thread = startThread(pathToFileURL(folder + '/load.mjs'), undefined);
      await new Promise((resolve) => thread.on('exit', resolve));
      console.log(JSON.stringify(opens('libcublas.so.13')));`;
    expect(await evaluate(module)).toBe(true);
  });
});

describe.skipIf(process.platform === 'win32')('the links to the provider', () => {
  test('are made where they are missing or lead nowhere, and leave files', async () => {
    const folder = await temporaryFolder({
      [`cache/${providerLibraries[0]}`]: 'cuda',
      [`cache/${providerLibraries[1]}`]: 'shared',
      [`binding/${providerLibraries[1]}`]: 'from NuGet',
    });
    const [cache, binding] = [join(folder, 'cache'), join(folder, 'binding')];
    await symlink(join(folder, 'gone'), join(binding, providerLibraries[0]));
    expect(linkProvider(cache, binding)).toEqual([]);
    expect(readlinkSync(join(binding, providerLibraries[0]))).toBe(join(cache, providerLibraries[0]));
    expect(lstatSync(join(binding, providerLibraries[1])).isFile()).toBe(true);
  });

  test('are reported if the folder does not allow them', async () => {
    const folder = await temporaryFolder({ [`cache/${providerLibraries[0]}`]: 'cuda', file: '' });
    expect(linkProvider(join(folder, 'cache'), join(folder, 'file'))).toEqual([
      expect.stringMatching(/cannot link .*providers_cuda\.so to .*: ENOTDIR.*; make its folder writable/),
    ]);
  });
});
