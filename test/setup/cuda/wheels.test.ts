import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import {
  cudaLibraries,
  isCudaLibrary,
  onnxruntimeVersion,
  providerLibraries,
} from '../../../node/cuda-libraries.ts';
import { cudaWheels } from '../../../setup/cuda/wheels.ts';

it('the wheels are pinned by version, size and hash, the provider in the version of onnxruntime-node', () => {
  const [provider, ...nvidia] = cudaWheels;
  expect(provider).toMatchObject({ name: 'onnxruntime-gpu', version: onnxruntimeVersion() });
  expect(provider?.libraries.map(({ name }) => name)).toEqual([...providerLibraries]);
  const names = nvidia.flatMap(({ libraries }) => libraries.map(({ name }) => name));
  expect(names).toEqual(expect.arrayContaining([...cudaLibraries]));
  expect(names.filter((name) => !isCudaLibrary(name))).toEqual([]);
  expect(new Set(names).size).toBe(names.length);
  for (const { version, platform, bytes, sha256, libraries } of cudaWheels) {
    expect(version).toMatch(/^\d+(\.\d+)+$/);
    expect(platform).toMatch(/^manylinux\w+_x86_64$/);
    for (const file of [{ bytes, sha256 }, ...libraries]) {
      expect(file.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(file.bytes).toBeGreaterThan(10_000);
    }
  }
});

it('the documentation lists every wheel with its version and size', () => {
  const page = readFileSync(new URL('../../../docs/gpu.md', import.meta.url), 'utf8');
  for (const { name, version, bytes } of cudaWheels) {
    expect(page).toMatch(new RegExp(`\\| ${name} ${version} +\\| ${Math.ceil(bytes / 2 ** 20)} MiB `));
  }
});
