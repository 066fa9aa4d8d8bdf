import { describe, expect, it } from 'vitest';
import { driverLacks, parseGpus } from '../../../setup/cuda/driver.ts';
import { parseLoaderCache } from '../../../setup/cuda/libraries.ts';

const h200 = { name: 'NVIDIA H200', driver: '580.95.05', computeCapability: '9.0' };
const library = '/usr/lib/x86_64-linux-gnu/libcuda.so.1';

describe('the driver', () => {
  it('is read from the answer of nvidia-smi, which may be a sentence', () => {
    expect(parseGpus('NVIDIA H200, 580.95.05, 9.0\nTesla P4, 580.1, 6.1\n')).toEqual([
      h200,
      { name: 'Tesla P4', driver: '580.1', computeCapability: '6.1' },
    ]);
    expect(parseGpus('No devices were found\n')).toEqual([]);
  });

  it('suffices from version 580 and compute capability 7.5', () => {
    expect(driverLacks({ gpus: [h200], library })).toEqual([]);
    const gpu = { ...h200, driver: '580', computeCapability: '7.5' };
    expect(driverLacks({ gpus: [gpu], library })).toEqual([]);
    expect(driverLacks({ gpus: [{ ...gpu, driver: '579.9' }], library })).toHaveLength(1);
    expect(driverLacks({ gpus: [{ ...gpu, computeCapability: '7.0' }], library })).toHaveLength(1);
    // A second, older GPU does no harm; numbers of two digits are compared as numbers.
    const [old, blackwell] = [
      { ...gpu, computeCapability: '6.1' },
      { ...gpu, computeCapability: '12.0' },
    ];
    expect(driverLacks({ gpus: [old, blackwell], library })).toEqual([]);
  });

  it('may lack its library or its program in a container', () => {
    expect(driverLacks({ gpus: [h200] })).toEqual([expect.stringContaining('--gpus all')]);
    expect(driverLacks({ gpus: [], problem: 'nvidia-smi is not installed', library })).toEqual([]);
  });
});

it("reads the loader's cache, without libraries of other architectures", () => {
  const text = [
    '3 libs found in cache `/etc/ld.so.cache',
    '\tlibcudart.so.13 (libc6) => /lib/i386-linux-gnu/libcudart.so.13',
    '\tlibcudart.so.13 (libc6,x86-64) => /usr/local/cuda/lib64/libcudart.so.13',
    '\tlibcudart.so.13 (libc6,x86-64, OS ABI: Linux 3.2.0) => /opt/lib/libcudart.so.13',
    '',
  ].join('\n');
  expect([...parseLoaderCache(text)]).toEqual([['libcudart.so.13', '/usr/local/cuda/lib64/libcudart.so.13']]);
});
