/**
 * A folder lock lets only one process at a time work in a run or study directory, or change a folder of models.
 * Two processes that resumed from the same checkpoint would overwrite each other's files.
 *
 * A process that wants the lock writes a file with a unique name into the directory, then looks for the files
 * of other processes. It has the lock when no other file belongs to a living process. Of two processes, the
 * one that writes later always sees the other's file, so both can never have the lock. File names are never
 * reused, so removing the file of a dead process cannot remove anything else, and a killed run can be resumed
 * immediately. (A lock file with a fixed name has a race: another process may replace it after it is found to
 * be stale and before it is removed. The proper-lockfile package has this race, and its locks outlive their
 * process.)
 */
import { randomUUID } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { jsonOf } from '../model/issue-text.ts';
import { runFiles } from '../model/run-file.ts';
import { removeLeftovers, temporaryName } from './atomic-file.ts';
import { removeEmptyFolders, requireWritable, writingTo } from './output.ts';
import { livenessOf, ownIdentity, processIdentitySchema } from './process-life.ts';
import { exitOnStopSignal } from './stop-signal.ts';

const lockName = /^\.lock-.*\.json$/;

/** The lock file is touched this often, for other machines, which cannot check our process. */
const touchEveryMs = 10_000;
/** A lock of another machine is valid for this long after its last touch. */
const remoteHolderMs = 60_000;
/** Of processes that wait together, the first one waits at most this long for the others to give up. */
const settleMs = 10_000;
const pollMs = 20;

/**
 * Both states have the same length, so that overwriting one with the other leaves valid JSON at every moment.
 */
const lockSchema = processIdentitySchema.extend({ state: z.enum(['waiting', 'holding']) });
type Lock = z.infer<typeof lockSchema>;

interface FolderLock {
  release(): void;
}

/** Whether a file of a folder is a lock file, which must not be copied to another machine. */
export function isLockFile(name: string): boolean {
  return lockName.test(name);
}

/**
 * Takes the lock of a directory, which is created if missing, and removes temporary files of killed processes
 * in it. Releasing the lock removes the directory if it was created here and is still empty.
 * Errors: `usage` if another process still has the lock after `patienceMs`; `output-unwritable`.
 */
export async function takeFolderLock(directory: string, patienceMs = 0): Promise<FolderLock> {
  // Names sort by time, so of processes that start together the first one gets the lock.
  const own = `.lock-${Date.now()}-${randomUUID()}.json`;
  const path = join(directory, own);
  let state: Lock['state'] = 'waiting';
  const content = () => JSON.stringify({ ...ownIdentity(), state } satisfies Lock);
  const firstMade = await requireWritable(directory);
  const ignoreStopSignal = exitOnStopSignal();
  const release = () => {
    clearInterval(touching);
    process.off('exit', release);
    ignoreStopSignal();
    rmSync(path, { force: true });
    if (firstMade !== undefined) removeEmptyFolders(directory, firstMade);
  };
  const touching = setInterval(() => void touch(path, content()).catch(() => {}), touchEveryMs).unref();
  process.on('exit', release);
  try {
    // In the turn in which the folder was made, so that a stop signal leaves nothing behind.
    await writingTo(path, async () => {
      writeFileSync(temporaryName(path), content());
      renameSync(temporaryName(path), path);
    });
    await waitForOthers(directory, own, patienceMs);
    state = 'holding';
    await touch(path, content());
    for (const folder of [directory, join(directory, runFiles.checkpoints)]) await removeLeftovers(folder);
    return { release };
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * Runs `work` while this process has the lock of a directory, which others also have only for a moment. Errors:
 * `usage` if it is still in use after `patienceMs`; those of `work`.
 */
export async function withFolderLock<T>(
  directory: string,
  patienceMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const lock = await lockOrRetry(directory, performance.now() + patienceMs);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** Of processes that begin to wait at the same time, all but the first give up: these try again. */
async function lockOrRetry(directory: string, deadline: number): Promise<FolderLock> {
  for (;;) {
    try {
      return await takeFolderLock(directory, deadline - performance.now());
    } catch (error) {
      const isInUse = error instanceof TexturaError && error.code === 'usage';
      if (!isInUse || performance.now() >= deadline) throw error;
      await sleep(pollMs);
    }
  }
}

/** Errors: `usage` if another process has the lock. */
async function waitForOthers(directory: string, own: string, patienceMs: number): Promise<void> {
  const startedAt = performance.now();
  // Ages are measured by the clock of the disk, which may belong to another machine.
  const { mtimeMs: writtenMs } = await stat(join(directory, own));
  let heldUntilMs = 0;
  for (;;) {
    const elapsedMs = performance.now() - startedAt;
    const other = await firstOther(directory, own, writtenMs + elapsedMs);
    if (other === undefined) return;
    if (other.state === 'holding') heldUntilMs = elapsedMs;
    // Of the waiting processes, the first one stays; the others give up as soon as they see its file.
    const isLost =
      other.state === 'holding'
        ? elapsedMs >= patienceMs
        : other.name < own || elapsedMs - heldUntilMs >= settleMs;
    if (isLost) {
      throw new TexturaError(
        'usage',
        `${directory} is in use by ${other.holder}; wait until it has finished, or choose another --out`,
      );
    }
    await sleep(pollMs);
  }
}

interface OtherLock {
  readonly name: string;
  readonly state: Lock['state'];
  /** For messages. */
  readonly holder: string;
}

/** The oldest lock file of another living process. Lock files of dead processes are removed. */
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

/** Undefined if the process is dead. */
async function otherLock(path: string, nowMs: number): Promise<Omit<OtherLock, 'name'> | undefined> {
  const [text, stats] = await Promise.all([
    readFile(path, 'utf8').catch(() => undefined),
    stat(path).catch(() => undefined),
  ]);
  if (text === undefined || stats === undefined) return undefined;
  const isFresh = nowMs - stats.mtimeMs < remoteHolderMs;
  const lock = lockSchema.safeParse(jsonOf(text)).data;
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

/** Writes in place, so that the modification time comes from the disk's clock. */
async function touch(path: string, content: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(content, 0);
  } finally {
    await file.close();
  }
}
