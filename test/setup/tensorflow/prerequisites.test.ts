import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkPrerequisites, freeDiskMiB, hasAvx } from '../../../setup/tensorflow/prerequisites.ts';

let empty: string;
beforeEach(async () => {
  empty = await mkdtemp(join(tmpdir(), 'textura-empty-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(empty, { recursive: true });
});

describe('what an installation lacks', () => {
  it('is reported in one message with everything that is missing and how to install it', async () => {
    vi.stubEnv('PATH', empty);
    const needs = { download: true, build: true, folder: join(empty, 'cache'), diskMiB: 1e12 };
    const error = await checkPrerequisites(needs).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'engine-unavailable' });
    for (const lack of [
      'python3 is missing',
      'C++ compiler is missing',
      'make is missing',
      'disk: expected',
    ]) {
      expect(String(error)).toContain(lack);
    }
  });

  it('is nothing if the cache has everything', async () => {
    vi.stubEnv('PATH', empty);
    await checkPrerequisites({ download: false, build: false, folder: empty, diskMiB: 1e12 });
  });

  it('does not require pip to build only the binding', async () => {
    vi.stubEnv('PATH', empty);
    const needs = { download: false, build: true, folder: empty, diskMiB: 0 };
    await expect(checkPrerequisites(needs)).rejects.toThrow(/^(?!.*pip is missing)[\s\S]*make is missing/);
  });
});

describe('the machine', () => {
  it('has free space under a folder that does not exist yet', async () => {
    expect(await freeDiskMiB(join(empty, 'not', 'yet'))).toBeGreaterThan(0);
  });

  it('has AVX if the processor flags contain it as a word', () => {
    expect(hasAvx('flags\t\t: fpu sse4_2 avx avx2\n')).toBe(true);
    expect(hasAvx('flags\t\t: fpu sse4_2 avx512f\n')).toBe(false);
  });
});
