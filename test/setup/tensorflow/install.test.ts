import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished, test, vi } from 'vitest';
import { setUpTensorflow } from '../../../setup/tensorflow/install.ts';
import { cachedBindingPath, flavours, wheelFolder } from '../../../training/engine/tensorflow/location.ts';
import { type BareClone, makeBareClone } from '../../support/bare-clone.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { describeWithTensorflow } from '../../support/tensorflow.ts';

const flavour = flavours.find((name) => existsSync(wheelFolder(name))) ?? 'cpu';
const setup = 'setup/tensorflow/setup.ts';

describeWithTensorflow('a second clone on a machine', () => {
  let clone: BareClone;
  let env: Record<string, string>;
  beforeAll(async () => {
    clone = await makeBareClone(['zod', 'commander']);
    const cache = join(clone.folder, 'cache');
    await mkdir(cache);
    await symlink(wheelFolder(flavour), join(cache, basename(wheelFolder(flavour))));
    // Nothing to download or build with: what is in the cache must do.
    env = { TEXTURA_CACHE: cache, PATH: '' };
  });
  afterAll(() => clone.remove());

  it('is installed from the cache, without pip, compiler or network', async () => {
    const result = await clone.run(setup, ['--flavour', flavour], env);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toMatch(/is ready, computing on the (GPU|processor)/);
    expect(result.stdout).toContain('--remove');
  });

  it('says so if it is installed already', async () => {
    const result = await clone.run(setup, ['--flavour', flavour], env);
    expect(result).toMatchObject({ status: 0, stdout: expect.stringContaining('is already set up') });
  });

  it('is removed by --remove, and removing it again is not an error', async () => {
    for (const _ of [1, 2]) expect(await clone.run(setup, ['--remove'], env)).toMatchObject({ status: 0 });
    expect(existsSync(join(clone.folder, 'node_modules/@tensorflow/tfjs-node-gpu/lib'))).toBe(false);
    expect(existsSync(join(clone.folder, 'cache', basename(wheelFolder(flavour))))).toBe(false);
    expect(existsSync(wheelFolder(flavour))).toBe(true);
  });

  it('cannot be installed without cache and tools, which are named, and ends with status 2', async () => {
    const result = await clone.run(setup, ['--flavour', 'cpu'], env);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain('python3 is missing');
    expect(result.stderr).not.toContain('at ');
  });
});

test.runIf(process.platform === 'linux')(
  'a stop signal while the cached binding is loaded ends the setup, which builds no other',
  async () => {
    vi.stubEnv('TEXTURA_CACHE', await temporaryFolder());
    const binding = cachedBindingPath('cpu');
    await mkdir(dirname(binding), { recursive: true });
    // Loading it waits for a writer of the pipe.
    execFileSync('mkfifo', [binding]);
    const printed: string[] = [];
    const stopping = setInterval(() => process.emit('SIGTERM', 'SIGTERM'), 50);
    onTestFinished(() => clearInterval(stopping));
    const setUp = setUpTensorflow('cpu', (line) => printed.push(line));
    await expect(setUp).rejects.toMatchObject({ code: 'interrupted' });
    expect(printed).toEqual([]);
  },
);
