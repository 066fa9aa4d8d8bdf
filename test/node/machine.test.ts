import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import {
  availableMemoryBytes,
  memoryLimitBytes,
  parseByteLimit,
  parseControlGroupPath,
  parseCpuMax,
  parseCpuQuota,
  parseMemInfo,
  usableCores,
} from '../../node/machine.ts';

const meminfo = 'MemTotal:       24683652 kB\nMemFree:        12000000 kB\nMemAvailable:   23000000 kB\n';

/** A machine whose /proc and /sys contain only these files. */
function machineOf(files: Readonly<Record<string, string>>) {
  return (path: string) => files[path];
}

describe('cores', () => {
  it('are those of the affinity mask if no group limits them', () => {
    expect(usableCores(machineOf({}), 6)).toBe(6);
  });

  it('are those of a version 2 quota, a part of a core counting as one', () => {
    const read = machineOf({
      '/proc/self/cgroup': '0::/\n',
      '/sys/fs/cgroup/cpu.max': '250000 100000\n',
    });
    expect(usableCores(read, 8)).toBe(3);
  });

  it('are those of the parent group if it has fewer', () => {
    const read = machineOf({
      '/proc/self/cgroup': '0::/kubepods/pod7\n',
      '/sys/fs/cgroup/kubepods/cpu.max': '200000 100000\n',
      '/sys/fs/cgroup/kubepods/pod7/cpu.max': '400000 100000\n',
    });
    expect(usableCores(read, 16)).toBe(2);
  });

  it('are those of a version 1 quota', () => {
    const read = machineOf({
      '/proc/self/cgroup': '12:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n0::/\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '500000\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    });
    expect(usableCores(read, 64)).toBe(5);
  });

  it('are never fewer than one', () => {
    const read = machineOf({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '1000 100000\n' });
    expect(usableCores(read, 4)).toBe(1);
  });

  it('of this machine are between one and what Node reports', () => {
    expect(usableCores()).toBeGreaterThanOrEqual(1);
    expect(usableCores()).toBeLessThanOrEqual(availableParallelism());
  });
});

describe('memory', () => {
  it('is MemAvailable if no group limits it', () => {
    expect(availableMemoryBytes(machineOf({ '/proc/meminfo': meminfo }))).toBe(23_000_000 * 1024);
  });

  it('is what a version 2 group leaves, with cached files counted as free', () => {
    const read = machineOf({
      '/proc/meminfo': meminfo,
      '/proc/self/cgroup': '0::/\n',
      '/sys/fs/cgroup/memory.max': '2000000000\n',
      '/sys/fs/cgroup/memory.current': '1500000000\n',
      '/sys/fs/cgroup/memory.stat': 'anon 900000000\ninactive_file 600000000\nactive_file 1\n',
    });
    expect(availableMemoryBytes(read)).toBe(1_100_000_000);
    expect(memoryLimitBytes(read)).toBe(2_000_000_000);
  });

  it('is what a version 1 group leaves', () => {
    const read = machineOf({
      '/proc/meminfo': meminfo,
      '/proc/self/cgroup': '12:memory:/job\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      '/sys/fs/cgroup/memory/job/memory.limit_in_bytes': '3000000000\n',
      '/sys/fs/cgroup/memory/job/memory.usage_in_bytes': '1000000000\n',
      '/sys/fs/cgroup/memory/job/memory.stat': 'inactive_file 7\ntotal_inactive_file 250000000\n',
    });
    expect(availableMemoryBytes(read)).toBe(2_250_000_000);
  });

  it('of this machine is positive and at most its limit', () => {
    expect(availableMemoryBytes()).toBeGreaterThan(2 ** 20);
    expect(availableMemoryBytes()).toBeLessThanOrEqual(memoryLimitBytes());
  });
});

describe('kernel files', () => {
  it('cpu.max without a limit is no limit', () => {
    expect(parseCpuMax('max 100000\n')).toBe(Number.POSITIVE_INFINITY);
    expect(parseCpuMax(undefined)).toBe(Number.POSITIVE_INFINITY);
    expect(parseCpuMax('150000 100000\n')).toBe(1.5);
  });

  it('a version 1 quota of -1 is no limit', () => {
    expect(parseCpuQuota('-1\n', '100000\n')).toBe(Number.POSITIVE_INFINITY);
    expect(parseCpuQuota('50000\n', '25000\n')).toBe(2);
  });

  it('a memory limit of max or near 2^63 is no limit', () => {
    expect(parseByteLimit('max\n')).toBe(Number.POSITIVE_INFINITY);
    expect(parseByteLimit('9223372036854771712\n')).toBe(Number.POSITIVE_INFINITY);
    expect(parseByteLimit('0\n')).toBe(0);
  });

  it('the group of a controller is found among those it is mounted with', () => {
    const text = '11:cpuset:/a\n4:cpu,cpuacct:/b/c\n0::/d\n';
    expect(parseControlGroupPath(text, 'cpu')).toBe('/b/c');
    expect(parseControlGroupPath(text, '')).toBe('/d');
    expect(parseControlGroupPath(text, 'memory')).toBeUndefined();
  });

  it('a meminfo without MemAvailable has none', () => {
    expect(parseMemInfo('MemTotal: 5 kB\n')).toBeUndefined();
  });
});
