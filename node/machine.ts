/**
 * The cores, memory and GPUs that this process may use. On Linux it reads control groups (version 2: one
 * tree; version 1: one tree per controller), because a container's limits are lower than the machine's.
 * Elsewhere it uses Node's numbers.
 */
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join, posix } from 'node:path';
import { readTextIfReadable } from './optional-file.ts';
import { runProgram } from './program.ts';

/** Reads a file of /proc or /sys; undefined if it does not exist. */
type ReadText = (path: string) => string | undefined;

/**
 * Cores that this process may use, at least 1: the affinity mask, then the control groups' quota, rounded up.
 */
export function usableCores(
  read: ReadText = readTextIfReadable,
  visibleCores = availableParallelism(),
): number {
  const quotas = [
    ...controlGroupFolders(read, '').map((folder) => parseCpuMax(read(join(folder, 'cpu.max')))),
    ...controlGroupFolders(read, 'cpu').map((folder) =>
      parseCpuQuota(read(join(folder, 'cpu.cfs_quota_us')), read(join(folder, 'cpu.cfs_period_us'))),
    ),
  ];
  return Math.max(1, Math.min(visibleCores, ...quotas.map(Math.ceil)));
}

/**
 * Bytes that this process can still allocate without swapping or being killed: the minimum over the machine
 * and the groups.
 */
export function availableMemoryBytes(read: ReadText = readTextIfReadable): number {
  const machine = parseMemInfo(read('/proc/meminfo')) ?? freemem();
  return Math.max(0, Math.min(machine, ...memoryGroups(read).map((group) => group.leftBytes)));
}

/** Memory limit of this process in bytes. */
export function memoryLimitBytes(read: ReadText = readTextIfReadable): number {
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
      // Cached files count as used, but the kernel frees them on demand.
      const cachedBytes = statisticOf(read(join(folder, 'memory.stat')), cache);
      const taken = Number.isFinite(usedBytes) ? usedBytes - cachedBytes : 0;
      return { limitBytes, leftBytes: limitBytes - taken };
    }),
  );
}

/**
 * The folders of this process's group and of its ancestors, each of which may have limits. A container often
 * sees its own group as the root of the tree, whatever /proc/self/cgroup says, so some of the folders may not
 * exist.
 */
function controlGroupFolders(read: ReadText, controller: string): string[] {
  const path = parseControlGroupPath(read('/proc/self/cgroup'), controller);
  if (path === undefined) return [];
  const root = posix.join('/sys/fs/cgroup', controller);
  const steps = path.split('/').filter(Boolean);
  return [root, ...steps.map((_, depth) => posix.join(root, ...steps.slice(0, depth + 1)))];
}

/** The path of the group in the text of /proc/self/cgroup; controller '' is the tree of version 2. */
export function parseControlGroupPath(text: string | undefined, controller: string): string | undefined {
  for (const line of (text ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined) continue;
    if (controller === '' ? controllers === '' : controllers.split(',').includes(controller)) return path;
  }
  return undefined;
}

/** Cores from cpu.max, `QUOTA PERIOD` in microseconds or `max PERIOD`; Infinity if there is no limit. */
export function parseCpuMax(text: string | undefined): number {
  const [quota, period] = (text ?? '').trim().split(/\s+/);
  return parseCpuQuota(quota, period);
}

/** Cores from a quota and a period in microseconds; Infinity if the quota is absent, `max` or -1. */
export function parseCpuQuota(quota: string | undefined, period: string | undefined): number {
  const quotaMicroseconds = Number(quota?.trim() || Number.NaN);
  const periodMicroseconds = Number(period?.trim() || Number.NaN);
  return quotaMicroseconds > 0 && periodMicroseconds > 0
    ? quotaMicroseconds / periodMicroseconds
    : Number.POSITIVE_INFINITY;
}

/**
 * Bytes of a limit or usage; Infinity if it is absent or `max`. Version 1 writes a number near 2^63 for no
 * limit.
 */
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

/** One line per NVIDIA GPU: name, driver, memory. Errors: `interrupted`. */
export async function nvidiaGpus(): Promise<string[]> {
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
  const { status, stdout } = await runProgram('nvidia-smi', query, { timeoutMs: 20_000 });
  return status === 0 ? parseGpuList(stdout) : [];
}

/**
 * Keeps only the lines that describe a GPU: without one, some drivers print a sentence and exit with status
 * 0.
 */
export function parseGpuList(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.split(',').length === 3);
}
