import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { freeDiskMiB, hasAvx, tensorflowLacks, throwIfLacking } from '../../setup/prerequisites.ts';

let empty: string;
beforeEach(async () => {
  empty = await mkdtemp(join(tmpdir(), 'textura-empty-'));
});
afterEach(async () => {
  await rm(empty, { recursive: true });
});

describe('what an installation lacks', () => {
  it('is reported in one message with everything that is missing and how to install it', async () => {
    vi.stubEnv('PATH', empty);
    const needs = { download: true, build: true, folder: join(empty, 'cache'), diskMiB: 1e12 };
    const lacks = await tensorflowLacks(needs);
    const firstWords = [
      /^python3 is missing .*: sudo apt install/,
      /^a C\+\+ compiler is missing .*: sudo apt install/,
      /^make is missing: sudo apt install/,
      /^disk: expected 1000000000000 MiB free/,
    ];
    expect(lacks).toHaveLength(firstWords.length);
    for (const [i, words] of firstWords.entries()) expect(lacks[i]).toMatch(words);
    const report = () => throwIfLacking('TensorFlow', lacks);
    expect(report).toThrow(
      expect.objectContaining({
        code: 'engine-unavailable',
        message: ['TensorFlow cannot be set up here. Missing:', ...lacks.map((lack) => `  - ${lack}`)].join(
          '\n',
        ),
      }),
    );
  });

  it('is nothing if the cache has everything', async () => {
    vi.stubEnv('PATH', empty);
    const needs = { download: false, build: false, folder: empty, diskMiB: 1e12 };
    expect(await tensorflowLacks(needs)).toEqual([]);
  });

  it('does not require pip to build only the binding', async () => {
    vi.stubEnv('PATH', empty);
    const needs = { download: false, build: true, folder: empty, diskMiB: 0 };
    const lacks = await tensorflowLacks(needs);
    expect(lacks.join('\n')).not.toContain('pip is missing');
    expect(lacks.join('\n')).toContain('make is missing');
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
