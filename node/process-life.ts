/** Which process made a file, and whether it still lives. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';

/**
 * Tells a process from every other one: its number alone is used again. Empty text where the system does not
 * say.
 */
export const processIdentitySchema = z.strictObject({
  host: z.string(),
  pid: z.int(),
  /** Of Linux: changes with each start of the machine. */
  boot: z.string(),
  /** Of Linux: the table of processes in which `pid` counts; each container has its own. */
  namespace: z.string(),
  /** Of Linux: the tick at which the process started. */
  tick: z.string(),
});
export type ProcessIdentity = z.infer<typeof processIdentitySchema>;

export function ownIdentity(): ProcessIdentity {
  return { host: hostname(), pid: process.pid, ...ownPlace(), tick: startTick(process.pid) ?? '' };
}

/** `unknown`: a process of another machine or container, which cannot be seen from here. */
export function livenessOf({ host, pid, tick, ...place }: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  const here = ownPlace();
  if (host !== hostname()) return 'unknown';
  if (place.boot !== here.boot) return 'dead';
  if (place.namespace !== here.namespace) return 'unknown';
  return isAlive(pid) && startTick(pid) === tick ? 'alive' : 'dead';
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return startTick(pid) !== undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function ownPlace(): Pick<ProcessIdentity, 'boot' | 'namespace'> {
  return {
    boot: (readOrUndefined('/proc/sys/kernel/random/boot_id') ?? '').trim(),
    namespace: linkOrEmpty('/proc/self/ns/pid'),
  };
}

/**
 * Empty where the system does not say; undefined for a process that has ended and waits for its parent to
 * notice.
 */
function startTick(pid: number): string | undefined {
  // The name, in brackets, may hold anything; the state is the first field behind it and the tick the 20th.
  const fields = readOrUndefined(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ') ?? [];
  return fields[0] === 'Z' ? undefined : (fields[19] ?? '');
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function linkOrEmpty(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
