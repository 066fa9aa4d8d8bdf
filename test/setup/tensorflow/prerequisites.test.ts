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

describe('what a setup needs', () => {
  it('is named in one message with the way to get it, everything that is missing at once', async () => {
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

  it('is nothing where all is in the cache', async () => {
    vi.stubEnv('PATH', empty);
    await checkPrerequisites({ download: false, build: false, folder: empty, diskMiB: 1e12 });
  });

  it('asks for no pip when only the binding is to be built', async () => {
    vi.stubEnv('PATH', empty);
    const needs = { download: false, build: true, folder: empty, diskMiB: 0 };
    await expect(checkPrerequisites(needs)).rejects.toThrow(/^(?!.*pip is missing)[\s\S]*make is missing/);
  });
});

describe('the machine', () => {
  it('has free space under a folder that is not there yet', async () => {
    expect(await freeDiskMiB(join(empty, 'not', 'yet'))).toBeGreaterThan(0);
  });

  it('has AVX where its processor says so as a word', () => {
    expect(hasAvx('flags\t\t: fpu sse4_2 avx avx2\n')).toBe(true);
    expect(hasAvx('flags\t\t: fpu sse4_2 avx512f\n')).toBe(false);
  });
});
