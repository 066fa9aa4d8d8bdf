/**
 * The run lock: one process at a time works in a run directory, or in a study's. Two that resumed from one
 * checkpoint would overwrite each other's files.
 *
 * Whoever wants the lock first writes a file of its own into the directory and then looks for those of
 * others. The lock is held by whoever sees no other file of a living process. Of two processes, the one that
 * writes later always sees the file of the other, so both can never hold it. A file's name is never used
 * again, so removing the file of a dead process cannot remove anything else; a killed run can be resumed at
 * once. (A lock with one fixed name has a race there: between judging it stale and removing it, another
 * process may have replaced it. The proper-lockfile package has it too, and a lock of its kind outlives its
 * process.)
 */
import { randomUUID } from 'node:crypto';
import { rmdirSync, rmSync } from 'node:fs';
import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { TexturaError } from '../../model/error.ts';
import { runFiles } from '../../model/run-file.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { requireWritable } from '../../node/output.ts';
import { isAlive, livenessOf, ownIdentity, processIdentitySchema } from '../../node/process-life.ts';

const lockName = /^\.lock-.*\.json$/;

/** The lock is touched this often, for machines that cannot see our process. */
const touchEveryMs = 10_000;
/** A lock whose process cannot be seen from here counts for this long after its last touch. */
const unseenHolderMs = 60_000;
/** Of processes that start together the first one waits at most this long for the others to give up. */
const settleMs = 10_000;
const pollMs = 20;

/** Both states have the same length: written over each other they leave a whole file at every moment. */
const lockSchema = processIdentitySchema.extend({ state: z.enum(['waiting', 'holding']) });
type Lock = z.infer<typeof lockSchema>;

const signals = ['SIGINT', 'SIGTERM'] as const;

/**
 * Until something else listens, a signal ends the process as ever, but by way of `exit`, so that the lock is
 * released.
 */
function endAtOnce(signal: NodeJS.Signals): void {
  if (process.listeners(signal).every((listener) => listener === endAtOnce)) process.exit(130);
}

export interface RunLock {
  release(): void;
}

/** Whether a file of a run directory belongs to the lock, which means nothing on another machine. */
export function isLockFile(name: string): boolean {
  return lockName.test(name);
}

/**
 * Takes the lock of a directory, which is made where it is missing, and removes what a killed process left
 * half written in it. Releasing it removes a directory that was made here and in which nothing was written.
 * Errors: `usage` where another process still holds it after `patienceMs`; `output-unwritable`.
 */
export async function takeRunLock(directory: string, patienceMs = 0): Promise<RunLock> {
  // Names sort by time: of processes that start together, the first one gets the lock.
  const own = `.lock-${Date.now()}-${randomUUID()}.json`;
  const path = join(directory, own);
  const content = (state: Lock['state']) => JSON.stringify({ ...ownIdentity(), state } satisfies Lock);
  const firstMade = await requireWritable(directory);
  const release = () => {
    clearInterval(touching);
    process.off('exit', release);
    for (const signal of signals) process.off(signal, endAtOnce);
    rmSync(path, { force: true });
    if (firstMade !== undefined) removeEmpty(directory, firstMade);
  };
  const touching = setInterval(
    () => void touch(path, content('holding')).catch(() => {}),
    touchEveryMs,
  ).unref();
  process.on('exit', release);
  for (const signal of signals) process.on(signal, endAtOnce);
  try {
    await writeFileAtomically(path, content('waiting'));
    await untilAlone(directory, own, patienceMs);
    await touch(path, content('holding'));
    await removeLeftovers(directory);
    return { release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Removes the folder and its parents up to `last`, as far as they are empty. */
function removeEmpty(directory: string, last: string): void {
  try {
    for (let folder = resolve(directory); folder.length >= resolve(last).length; folder = dirname(folder))
      rmdirSync(folder);
  } catch {
    // Not empty: something was written there.
  }
}

/** Errors: `usage` where another process holds the lock. */
async function untilAlone(directory: string, own: string, patienceMs: number): Promise<void> {
  const startedAt = performance.now();
  // Ages are told by the clock of the disk, which may be another machine's.
  const { mtimeMs: writtenMs } = await stat(join(directory, own));
  for (;;) {
    const elapsedMs = performance.now() - startedAt;
    const other = await firstOther(directory, own, writtenMs + elapsedMs);
    if (other === undefined) return;
    // Of those that wait the first one stays; the others give up as soon as they see it.
    const isLost =
      other.state === 'holding' ? elapsedMs >= patienceMs : other.name < own || elapsedMs >= settleMs;
    if (isLost) {
      throw new TexturaError(
        'usage',
        `${directory}: ${other.holder} is working in it; wait for it to end, or choose another --out`,
      );
    }
    await sleep(pollMs);
  }
}

interface OtherLock {
  readonly name: string;
  readonly state: Lock['state'];
  /** In words. */
  readonly holder: string;
}

/** The oldest other lock of a living process. Those of dead ones are removed. */
async function firstOther(directory: string, own: string, nowMs: number): Promise<OtherLock | undefined> {
  for (const name of (await readdir(directory)).filter(isLockFile).sort()) {
    if (name === own) continue;
    const path = join(directory, name);
    const other = await otherLock(path, nowMs);
    if (other !== undefined) return { name, ...other };
    await rm(path, { force: true });
  }
  return undefined;
}

/** Undefined where the process is gone. */
async function otherLock(path: string, nowMs: number): Promise<Omit<OtherLock, 'name'> | undefined> {
  const [text, stats] = await Promise.all([
    readFile(path, 'utf8').catch(() => undefined),
    stat(path).catch(() => undefined),
  ]);
  if (text === undefined || stats === undefined) return undefined;
  const isFresh = nowMs - stats.mtimeMs < unseenHolderMs;
  const lock = lockSchema.safeParse(parsed(text)).data;
  if (lock === undefined) return isFresh ? { state: 'waiting', holder: 'another process' } : undefined;
  const { state, ...identity } = lock;
  switch (livenessOf(identity)) {
    case 'alive':
      return { state, holder: `process ${identity.pid}` };
    case 'unknown':
      return isFresh ? { state, holder: `process ${identity.pid} on ${identity.host}` } : undefined;
    default:
      return undefined;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Writes in place, so that the file's time is the one of its disk. */
async function touch(path: string, content: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(content, 0);
  } finally {
    await file.close();
  }
}

/** Temporary files, NAME.PID.tmp, of processes that are gone. */
async function removeLeftovers(directory: string): Promise<void> {
  for (const folder of [directory, join(directory, runFiles.checkpoints)]) {
    for (const name of await readdir(folder).catch(() => [])) {
      const pid = /\.(\d+)\.tmp$/.exec(name)?.[1];
      if (pid !== undefined && !isAlive(Number(pid))) await rm(join(folder, name), { force: true });
    }
  }
}
