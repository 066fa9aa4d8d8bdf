/** Whether other processes live, for files that name the one which made them. */
import { readFileSync } from 'node:fs';

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Tells a process from every other that had or will have its number on this machine: Linux's boot and the tick at which it began; elsewhere the number
 * alone. Undefined where no such process lives.
 */
export function processMark(pid: number): string | undefined {
  if (!isAlive(pid)) return undefined;
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    // The name, in brackets, may hold anything; field 22 is the 20th behind it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return `${boot} ${fields[19]}`;
  } catch {
    return String(pid);
  }
}
