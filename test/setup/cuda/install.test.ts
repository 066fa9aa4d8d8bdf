import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setUpCuda } from '../../../setup/cuda/install.ts';
import { type BareClone, makeBareClone } from '../../support/bare-clone.ts';

const setup = 'setup/cuda/setup.ts';
const onnxruntime = 'node_modules/onnxruntime-node';
const libraries = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'];

it('is rejected on a system without CUDA libraries, with an alternative', async () => {
  await expect(setUpCuda(() => undefined, 'darwin/arm64')).rejects.toMatchObject({
    code: 'engine-unavailable',
    message: expect.stringMatching(/only for linux\/x64, and this is darwin\/arm64.*--device webgpu/),
  });
});

describe.runIf(process.platform === 'linux' && process.arch === 'x64')('on Linux', () => {
  let clone: BareClone;
  let folder: string;
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
    await cp(join(repository, 'export'), join(clone.folder, 'export'), { recursive: true });
    for (const part of ['package.json', 'script', 'dist', 'bin/napi-v6/linux/x64']) {
      await cp(join(repository, onnxruntime, part), join(clone.folder, onnxruntime, part), {
        recursive: true,
        filter: (path) => !path.includes('providers'),
      });
    }
    folder = join(clone.folder, onnxruntime, 'bin/napi-v6/linux/x64');
  });
  afterAll(() => clone.remove());

  it('says why the download failed and how to install manually if NuGet is unreachable', async () => {
    // Port 9 discards what it gets where it is open at all.
    const result = await clone.run(setup, [], { GLOBAL_AGENT_HTTPS_PROXY: 'http://127.0.0.1:9' });
    expect(result.status).toBe(2);
    expect(result.stderr).toContain('ECONNREFUSED');
    for (const name of libraries) expect(result.stderr).toContain(`runtimes/linux-x64/native/${name}`);
    expect(result.stderr).toContain(folder);
    expect(result.stderr).not.toMatch(/^ +at /m);
  });

  it('distinguishes installed libraries from a working CUDA, and removes them', async () => {
    await mkdir(folder, { recursive: true });
    for (const name of libraries) await writeFile(join(folder, name), 'not a library');
    const result = await clone.run(setup, []);
    expect(result).toMatchObject({ status: 2, stdout: expect.stringContaining('are already installed') });
    expect(result.stderr).toMatch(/cannot use CUDA.*libonnxruntime_providers/s);
    expect(result.stderr).toContain('cuDNN 9');
    const removal = await clone.run(setup, ['--remove']);
    expect(removal.stdout.trim().split('\n')).toEqual(
      libraries.map((name) => `removed ${join(folder, name)}`),
    );
    expect((await clone.run(setup, ['--remove'])).stdout).toBe('');
    await rm(folder, { recursive: true });
  });
});
