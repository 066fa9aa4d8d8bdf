import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { isLinked, linkBinding, nodeHeadersPrefix } from '../../../setup/tensorflow/binding.ts';
import { installedBindingPath } from '../../../training/engine/tensorflow/location.ts';
import { loadFailureText, probeBinding } from '../../../training/engine/tensorflow/probe.ts';
import { describeWithTensorflow } from '../../support/tensorflow.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'textura-binding-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('the link to a binding', () => {
  it('replaces an existing binding', async () => {
    const place = join(folder, 'lib', 'napi-v8', 'tfjs_binding.node');
    for (const flavour of ['cpu', 'cuda']) {
      const binding = join(folder, flavour);
      await writeFile(binding, flavour);
      expect(await isLinked(binding, place)).toBe(false);
      await linkBinding(binding, place);
      expect(await isLinked(binding, place)).toBe(true);
    }
    expect(await isLinked(join(folder, 'cpu'), place)).toBe(false);
  });

  it('does not count after the cache is deleted', async () => {
    const binding = join(folder, 'binding');
    const place = join(folder, 'place');
    await writeFile(binding, '');
    await linkBinding(binding, place);
    await rm(binding);
    expect(await isLinked(binding, place)).toBe(false);
  });
});

describe("Node's headers", () => {
  it('are used if they are complete, otherwise left to node-gyp', async () => {
    const node = join(folder, 'bin', 'node');
    const headers = join(folder, 'include', 'node');
    await mkdir(headers, { recursive: true });
    await writeFile(join(headers, 'common.gypi'), '{}');
    expect(nodeHeadersPrefix(node)).toBeUndefined();
    await writeFile(join(headers, 'node_api.h'), '');
    expect(nodeHeadersPrefix(node)).toBe(folder);
  });
});

describe('a binding that does not load', () => {
  it('because of missing instructions names AVX', () => {
    expect(loadFailureText({ signal: 'SIGILL', stderr: '' }, '/b.node')).toMatch(/AVX/);
  });

  it('because of an old C library names the required version', () => {
    const stderr =
      "Error: /lib/libc.so.6: version `GLIBC_2.27' not found (required by /w/libtensorflow_cc.so.2)\n";
    expect(loadFailureText({ signal: null, stderr }, '/b.node')).toMatch(/expected GLIBC_2\.27/);
  });

  it('because of a missing library names it and a solution', () => {
    const stderr =
      'Error: libtensorflow_cc.so.2: cannot open shared object file: No such file or directory\n    at Module\n';
    const text = loadFailureText({ signal: null, stderr }, '/b.node');
    expect(text).toContain('libtensorflow_cc.so.2: cannot open');
    expect(text).toContain('--remove');
  });

  it('because it is not a library is reported, and the calling process continues', async () => {
    const file = join(folder, 'tfjs_binding.node');
    await writeFile(file, 'text');
    await expect(probeBinding(file)).rejects.toMatchObject({
      code: 'engine-unavailable',
      message: expect.stringContaining(file),
    });
  });
});

test('a stop signal while a binding is loaded is no fault of the binding', async () => {
  const file = join(folder, 'binding.js');
  await writeFile(file, 'setInterval(() => {}, 1000);');
  const probe = probeBinding(file);
  process.emit('SIGTERM', 'SIGTERM');
  await expect(probe).rejects.toMatchObject({ code: 'interrupted' });
});

describeWithTensorflow('the binding of this machine', () => {
  it('loads and reports the version of TensorFlow', async () => {
    const facts = await probeBinding(installedBindingPath());
    expect(facts.tensorflow).toMatch(/^2\.\d+\.\d+/);
    expect(typeof facts.gpu).toBe('boolean');
  });
});
