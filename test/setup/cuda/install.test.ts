import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cudaLibraries, onnxruntimeVersion, providerLibraries } from '../../../node/cuda-libraries.ts';
import { type CudaSetup, setUpCuda } from '../../../setup/cuda/install.ts';
import type { PinnedWheel } from '../../../setup/cuda/wheels.ts';
import { type BareClone, makeBareClone } from '../../support/bare-clone.ts';
import { makeWheel } from '../../support/wheel.ts';

const setup = 'setup/cuda/setup.ts';
const onnxruntime = 'node_modules/onnxruntime-node';

it('is rejected on a system without CUDA libraries, with an alternative', async () => {
  await expect(setUpCuda(() => undefined, { system: 'darwin/arm64' })).rejects.toMatchObject({
    code: 'engine-unavailable',
    message: expect.stringMatching(/only for linux\/x64, and this is darwin\/arm64.*--device webgpu/),
  });
});

describe.runIf(process.platform === 'linux' && process.arch === 'x64')('on Linux', () => {
  let clone: BareClone;
  /** The folder of onnxruntime's binding. */
  let place: string;
  let cache: string;
  /** The folder of the libraries in the cache. */
  let folder: string;
  let links: string;
  let wheels: PinnedWheel[];

  beforeAll(async () => {
    clone = await makeBareClone([
      'zod',
      'commander',
      'global-agent',
      'adm-zip',
      'onnxruntime-common',
      'protobufjs',
      'pure-rand',
    ]);
    const repository = fileURLToPath(new URL('../../../', import.meta.url));
    for (const part of ['package.json', 'script', 'dist', 'bin/napi-v6/linux/x64']) {
      await cp(join(repository, onnxruntime, part), join(clone.folder, onnxruntime, part), {
        recursive: true,
        filter: (path) => !path.includes('providers'),
      });
    }
    place = join(clone.folder, onnxruntime, 'bin/napi-v6/linux/x64');
    cache = join(clone.folder, 'cache');
    folder = join(cache, `onnxruntime-cuda-${onnxruntimeVersion()}`);
    links = join(clone.folder, 'wheels');
    const contents = (names: readonly string[]) =>
      Object.fromEntries(names.map((name) => [name, `the content of ${name}`]));
    wheels = [
      await makeWheel(links, 'textura-provider', contents(providerLibraries)),
      await makeWheel(links, 'textura-cuda', contents([...cudaLibraries, 'libcudnn_graph.so.9'])),
    ];
    // A driver, as far as the checks look.
    const programs = join(clone.folder, 'programs');
    await mkdir(programs);
    await writeFile(join(programs, 'nvidia-smi'), '#!/bin/sh\necho "NVIDIA T4, $DRIVER, $CAPABILITY"\n');
    await chmod(join(programs, 'nvidia-smi'), 0o755);
    await mkdir(join(clone.folder, 'driver'));
    await writeFile(join(clone.folder, 'driver', 'libcuda.so.1'), 'not a library');
  });
  afterAll(() => clone.remove());
  beforeEach(async () => {
    await rm(cache, { recursive: true, force: true });
    for (const name of providerLibraries) await rm(join(place, name), { force: true });
  });

  const offline = () => ({ TEXTURA_CACHE: cache, PIP_NO_INDEX: '1', PIP_FIND_LINKS: links });
  const withDriver = (driver = '580.82', capability = '7.5') => ({
    PATH: `${join(clone.folder, 'programs')}${delimiter}${process.env.PATH}`,
    LD_LIBRARY_PATH: join(clone.folder, 'driver'),
    DRIVER: driver,
    CAPABILITY: capability,
  });

  /** Runs the setup with the small wheels; returns its lines, with a failure's message last. */
  async function setUp(options: CudaSetup, env: Readonly<Record<string, string>> = {}): Promise<string[]> {
    const script = `
      import { setUpCuda } from './setup/cuda/install.js';
      const print = (line) => process.stdout.write(line + '\\n');
      await setUpCuda(print, ${JSON.stringify({ wheels, ...options })}).catch((error) => {
        if (error.code !== 'engine-unavailable') throw error;
        print(error.message);
      });`;
    const { status, stdout, stderr } = await clone.evaluate(script, { ...offline(), ...env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout.trim().split('\n');
  }

  /** Writes what a complete setup has downloaded. */
  async function fillCache(): Promise<void> {
    await mkdir(folder, { recursive: true });
    for (const { name } of wheels.flatMap(({ libraries }) => libraries)) {
      await writeFile(join(folder, name), `the content of ${name}`);
    }
  }

  const downloaded = (lines: readonly string[]) =>
    lines.flatMap((line) => /^Downloading (\S+)/.exec(line)?.[1] ?? []);

  it('says that a driver is missing, where it looked, and how to install one, before any download', async () => {
    const result = await clone.run(setup, [], { TEXTURA_CACHE: cache, PATH: '', LD_LIBRARY_PATH: '' });
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toMatch(/nvidia-smi is not installed; libcuda\.so\.1 is not on this system/);
    expect(result.stderr).toContain('sudo apt install nvidia-driver-580');
    expect(existsSync(cache)).toBe(false);
  });

  it('lists an old driver, an old GPU and a full disk in one message', async () => {
    const huge = wheels.map((wheel) => ({ ...wheel, bytes: 2 ** 60 }));
    const lines = await setUp({ wheels: huge }, withDriver('575.64', '6.1'));
    expect(lines[0]).toBe('CUDA cannot be set up here. Missing:');
    expect(lines[1]).toMatch(/a driver for CUDA 13: expected 580 or newer, got 575\.64; install driver/);
    expect(lines[2]).toMatch(/compute capability 7\.5 or higher, got 6\.1 \(NVIDIA T4\)/);
    expect(lines[3]).toMatch(/disk: expected \d+ MiB free for .*, got \d+ MiB/);
    expect(lines).toHaveLength(4);
  });

  it('resumes after the last complete wheel, replaces a damaged library, and links the provider', async () => {
    const last = (await readdir(links)).find((name) => name.startsWith('textura_cuda')) ?? '';
    await rename(join(links, last), join(clone.folder, last));
    const failed = await setUp({ downloadOnly: true });
    expect(downloaded(failed)).toEqual(['textura-provider', 'textura-cuda']);
    expect(failed.join('\n')).toMatch(/pip could not download textura-cuda 1\.0\.0[\s\S]*No matching/);
    await rename(join(clone.folder, last), join(links, last));
    await writeFile(join(folder, 'libcublas.so.13'), 'cut off');
    const complete = await setUp({ downloadOnly: true });
    expect(downloaded(complete)).toEqual(['textura-cuda']);
    expect(complete).toContain('The libraries are complete; CUDA was not tested.');
    expect(await readFile(join(folder, 'libcublas.so.13'), 'utf8')).toBe('the content of libcublas.so.13');
    expect((await readdir(folder)).sort()).toEqual(
      [...providerLibraries, ...cudaLibraries, 'libcudnn_graph.so.9'].sort(),
    );
    expect(await readdir(cache)).toHaveLength(1);
    for (const name of providerLibraries) expect(readlinkSync(join(place, name))).toBe(join(folder, name));
    await writeFile(join(folder, providerLibraries[1]), 'cut off');
    expect(downloaded(await setUp({ downloadOnly: true }))).toEqual(['textura-provider']);
  });

  it('refuses a wheel or a library with another hash', async () => {
    await fillCache();
    await rm(join(folder, 'libcudnn.so.9'));
    const [provider, cuda] = wheels as [PinnedWheel, PinnedWheel];
    const otherWheel = { ...cuda, sha256: '0'.repeat(64) };
    const refused = await setUp({ downloadOnly: true, wheels: [provider, otherWheel] });
    expect(refused.join('\n')).toMatch(/THESE PACKAGES DO NOT MATCH THE HASHES/);
    const libraries = cuda.libraries.map((library) =>
      library.name === 'libcudnn.so.9' ? { ...library, sha256: '0'.repeat(64) } : library,
    );
    const differs = await setUp({ downloadOnly: true, wheels: [provider, { ...cuda, libraries }] });
    expect(differs.at(-1)).toMatch(
      /^libcudnn\.so\.9 in the wheel of textura-cuda 1\.0\.0 differs: expected SHA-256 0{64}, got/,
    );
    expect(existsSync(join(folder, 'libcudnn.so.9'))).toBe(false);
  });

  it('links the libraries of a folder instead of downloading, and can replace them by downloads', async () => {
    const python = join(clone.folder, 'python');
    for (const name of [...cudaLibraries, 'libcudnn_ops.so.9', 'libnvrtc-builtins.so.13.2', 'libother.so']) {
      await mkdir(join(python, name.slice(0, 8)), { recursive: true });
      await writeFile(join(python, name.slice(0, 8), name), 'of another version');
    }
    await fillCache();
    expect(downloaded(await setUp({ from: python, downloadOnly: true }))).toEqual([]);
    const linked = (await readdir(folder)).filter((name) => lstatSync(join(folder, name)).isSymbolicLink());
    expect(linked.sort()).toEqual(
      [...cudaLibraries, 'libcudnn_ops.so.9', 'libnvrtc-builtins.so.13.2'].sort(),
    );
    expect(readlinkSync(join(folder, 'libcudnn.so.9'))).toBe(join(python, 'libcudnn', 'libcudnn.so.9'));
    expect((await setUp({ downloadOnly: true }))[0]).toBe('The libraries are already installed.');
    expect(downloaded(await setUp({ bundled: true, downloadOnly: true }))).toEqual(['textura-cuda']);
    expect((await readdir(folder)).filter((name) => lstatSync(join(folder, name)).isSymbolicLink())).toEqual(
      [],
    );

    const machine = join(clone.folder, 'machine');
    await mkdir(machine);
    for (const name of cudaLibraries) await rename(join(folder, name), join(machine, name));
    const env = withDriver();
    const ofMachine = await setUp({}, { ...env, LD_LIBRARY_PATH: `${env.LD_LIBRARY_PATH}:${machine}` });
    expect(downloaded(ofMachine)).toEqual([]);
    expect(ofMachine.at(-1)).toMatch(/used the libraries in .*machine; .* setup:cuda -- --bundled/);

    const empty = await clone.run(setup, ['--from', links, '--download-only'], offline());
    expect(empty.stderr).toMatch(/--from: .*wheels has neither libonnxruntime_providers_cuda\.so/);
    await writeFile(join(python, providerLibraries[0]), 'of another version');
    await rm(cache, { recursive: true });
    expect(downloaded(await setUp({ from: python, downloadOnly: true }))).toEqual(['textura-provider']);
    expect(readlinkSync(join(folder, 'libcudnn.so.9'))).toBe(join(python, 'libcudnn', 'libcudnn.so.9'));
    await rm(join(python, 'libcudnn'), { recursive: true });
    const other = await clone.run(setup, ['--from', python, '--download-only'], offline());
    expect(other).toMatchObject({ status: 2, stdout: '' });
    expect(other.stderr).toMatch(/is not from onnxruntime-gpu 1\.30\.0: expected \d+ bytes, got 18/);
  });

  it('falls back to NuGet, and says how to install without either', async () => {
    // Port 9 discards what it gets where it is open at all.
    const proxy = { GLOBAL_AGENT_HTTPS_PROXY: 'http://127.0.0.1:9' };
    const env = { ...offline(), PIP_FIND_LINKS: join(clone.folder, 'driver'), ...proxy };
    const result = await clone.run(setup, ['--download-only'], env);
    expect(result.status).toBe(2);
    expect(result.stdout).toMatch(/pip could not download onnxruntime-gpu 1\.30\.0/);
    expect(result.stdout).toMatch(/Downloading Microsoft\.ML\.OnnxRuntime\.Gpu\.Linux from NuGet instead/);
    expect(result.stderr).toContain('ECONNREFUSED');
    for (const name of providerLibraries) expect(result.stderr).toContain(`onnxruntime/capi/${name}`);
    expect(result.stderr).not.toMatch(/^ +at /m);
  });

  it('distinguishes installed libraries from a working CUDA, and removes them', async () => {
    await fillCache();
    const tested = await setUp({}, withDriver());
    expect(tested[0]).toBe('The libraries are already installed.');
    expect(tested[1]).toMatch(/onnxruntime cannot use CUDA: Failed to load library .*providers_shared/);
    expect(tested[2]).toMatch(/driver for CUDA 13, 580 or newer/);
    const env = { TEXTURA_CACHE: cache };
    // As after `npm ci`.
    for (const name of providerLibraries) await rm(join(place, name));
    const session = await clone.run('setup/cuda/cuda-test.ts', [], env);
    expect(session.status).toBe(1);
    expect(session.stderr).toMatch(/libcudart\.so\.13: (file too short|invalid ELF header)/);
    const removal = await clone.run(setup, ['--remove'], env);
    expect(removal.stdout.trim().split('\n').sort()).toEqual(
      [...providerLibraries.map((name) => join(place, name)), folder].map((path) => `removed ${path}`).sort(),
    );
    expect((await clone.run(setup, ['--remove'], env)).stdout).toBe('');
  });
});
