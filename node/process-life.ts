/** Identifies a process and checks whether it is still alive. For locks and abandoned files. */
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { readTextIfReadable } from './optional-file.ts';

/**
 * Identifies a process uniquely, because process ids are reused. Empty text if the system does not report a
 * field.
 */
export const processIdentitySchema = z.strictObject({
  host: z.string(),
  pid: z.int(),
  /** Linux: changes with each boot. */
  boot: z.string(),
  /** Linux: the pid namespace; each container has its own. */
  namespace: z.string(),
  /** Linux: the clock tick at which the process started. */
  tick: z.string(),
});
export type ProcessIdentity = z.infer<typeof processIdentitySchema>;

export function ownIdentity(): ProcessIdentity {
  return { host: hostname(), pid: process.pid, ...ownPlace(), tick: startTick(process.pid) ?? '' };
}

/** `unknown`: a process on another machine or in another container. */
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
    boot: (readTextIfReadable('/proc/sys/kernel/random/boot_id') ?? '').trim(),
    namespace: linkOrEmpty('/proc/self/ns/pid'),
  };
}

/** Empty if the system does not report it; undefined for a zombie. */
function startTick(pid: number): string | undefined {
  // The name, in brackets, may contain anything; the state is the first field after it and the tick the 20th.
  const fields = readTextIfReadable(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ') ?? [];
  return fields[0] === 'Z' ? undefined : (fields[19] ?? '');
}

function linkOrEmpty(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
