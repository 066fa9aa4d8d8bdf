/**
 * What this process may use of the machine: in a container the host's cores and memory are not ours. Linux tells in control groups
 * (version 2: one tree, version 1: one tree a controller); elsewhere Node's own numbers count.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join, posix } from 'node:path';

/** Reads a file of /proc or /sys; undefined where it is not there. */
export type ReadText = (path: string) => string | undefined;

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Cores that this process may keep busy, at least 1: the affinity mask, then the control groups' quota, rounded up. */
export function usableCores(read: ReadText = readText, visibleCores = availableParallelism()): number {
  const quotas = [
    ...controlGroupFolders(read, '').map((folder) => parseCpuMax(read(join(folder, 'cpu.max')))),
    ...controlGroupFolders(read, 'cpu').map((folder) =>
      parseCpuQuota(read(join(folder, 'cpu.cfs_quota_us')), read(join(folder, 'cpu.cfs_period_us'))),
    ),
  ];
  return Math.max(1, Math.min(visibleCores, ...quotas.map(Math.ceil)));
}

/** Bytes that this process could still take without swapping or being killed: the least that the machine or a group leaves. */
export function availableMemoryBytes(read: ReadText = readText): number {
  const machine = parseMemInfo(read('/proc/meminfo')) ?? freemem();
  return Math.max(0, Math.min(machine, ...memoryGroups(read).map((group) => group.leftBytes)));
}

/** Bytes of memory that this process is allowed at most. */
export function memoryLimitBytes(read: ReadText = readText): number {
  return Math.min(totalmem(), ...memoryGroups(read).map((group) => group.limitBytes));
}

interface MemoryGroup {
  readonly limitBytes: number;
  readonly leftBytes: number;
}

function memoryGroups(read: ReadText): MemoryGroup[] {
  const files = [
    { controller: '', limit: 'memory.max', usage: 'memory.current', cache: 'inactive_file' },
    {
      controller: 'memory',
      limit: 'memory.limit_in_bytes',
      usage: 'memory.usage_in_bytes',
      cache: 'total_inactive_file',
    },
  ];
  return files.flatMap(({ controller, limit, usage, cache }) =>
    controlGroupFolders(read, controller).map((folder) => {
      const limitBytes = parseByteLimit(read(join(folder, limit)));
      const usedBytes = parseByteLimit(read(join(folder, usage)));
      // Cached files count as used, yet are given up when memory is asked for.
      const cachedBytes = statisticOf(read(join(folder, 'memory.stat')), cache);
      const taken = Number.isFinite(usedBytes) ? usedBytes - cachedBytes : 0;
      return { limitBytes, leftBytes: limitBytes - taken };
    }),
  );
}

/**
 * The folders of this process's group and of every group above it, any of which may limit it. A container often sees its own
 * group as the root of the tree, whatever /proc/self/cgroup says: folders that are not there simply answer nothing.
 */
function controlGroupFolders(read: ReadText, controller: string): string[] {
  const path = parseControlGroupPath(read('/proc/self/cgroup'), controller);
  if (path === undefined) return [];
  const root = posix.join('/sys/fs/cgroup', controller);
  const steps = path.split('/').filter(Boolean);
  return [root, ...steps.map((_, depth) => posix.join(root, ...steps.slice(0, depth + 1)))];
}

/** The path of the group in the text of /proc/self/cgroup; controller '' is the one tree of version 2. */
export function parseControlGroupPath(text: string | undefined, controller: string): string | undefined {
  for (const line of (text ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined) continue;
    if (controller === '' ? controllers === '' : controllers.split(',').includes(controller)) return path;
  }
  return undefined;
}

/** Cores from cpu.max, `QUOTA PERIOD` in microseconds or `max PERIOD`; Infinity where there is no limit. */
export function parseCpuMax(text: string | undefined): number {
  const [quota, period] = (text ?? '').trim().split(/\s+/);
  return parseCpuQuota(quota, period);
}

/** Cores from a quota and a period in microseconds; Infinity where the quota is absent, `max` or -1. */
export function parseCpuQuota(quota: string | undefined, period: string | undefined): number {
  const quotaMicroseconds = Number(quota?.trim() || Number.NaN);
  const periodMicroseconds = Number(period?.trim() || Number.NaN);
  return quotaMicroseconds > 0 && periodMicroseconds > 0
    ? quotaMicroseconds / periodMicroseconds
    : Number.POSITIVE_INFINITY;
}

/** Bytes of a limit or usage; Infinity where it is absent or `max`. Version 1 writes a number near 2^63 for no limit. */
export function parseByteLimit(text: string | undefined): number {
  const bytes = Number(text?.trim() || Number.NaN);
  return bytes >= 0 && bytes < 2 ** 60 ? bytes : Number.POSITIVE_INFINITY;
}

/** MemAvailable of /proc/meminfo, in bytes. */
export function parseMemInfo(text: string | undefined): number | undefined {
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text ?? '')?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

function statisticOf(text: string | undefined, name: string): number {
  const value = new RegExp(`^${name} (\\d+)$`, 'm').exec(text ?? '')?.[1];
  return value === undefined ? 0 : Number(value);
}
