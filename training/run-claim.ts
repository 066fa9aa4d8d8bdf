/**
 * One process at a time trains a run: two that went on from one checkpoint would write over each other's. The claim is a file in
 * the run directory, which names the process and which that process keeps young. A claim whose process is gone counts for nothing, so a run that was
 * killed goes on at once.
 */
import { rmSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { runFiles } from '../model/run-file.ts';
import { isAlive, processMark } from '../node/process-life.ts';

const claimName = '.claim.json';
const claimSchema = z.strictObject({ host: z.string(), pid: z.int(), mark: z.string() });
type Claim = z.infer<typeof claimSchema>;

const keepYoungMs = 10_000;
/** From another machine, whose processes cannot be seen, a claim counts this long after it was last touched. */
const foreignClaimMs = 60_000;
/** A claim without content is being written, or its process was killed just then. */
const unwrittenClaimMs = 2_000;

export interface RunClaim {
  /** Leaves the run to others. */
  release(): void;
}

/**
 * Claims a run directory, which is made where it is missing, and removes what a killed process left half written in it.
 * Errors: `usage` where another process trains in it.
 */
export async function claimRun(directory: string): Promise<RunClaim> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, claimName);
  await write(path, directory);
  await removeLeftovers(directory);
  const timer = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, keepYoungMs).unref();
  const release = () => {
    clearInterval(timer);
    process.off('exit', release);
    rmSync(path, { force: true });
  };
  process.on('exit', release);
  return { release };
}

/** Creates the file, in the place of one that counts for nothing. Of several that try at once one succeeds. */
async function write(path: string, directory: string): Promise<void> {
  const claim: Claim = { host: hostname(), pid: process.pid, mark: processMark(process.pid) ?? '' };
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      return await writeFile(path, JSON.stringify(claim), { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await holderOf(path);
    if (holder !== undefined) throw held(directory, holder);
    await rm(path, { force: true });
  }
  throw held(directory, 'another process');
}

function held(directory: string, holder: string): TexturaError {
  return new TexturaError(
    'usage',
    `${directory}: ${holder} is training in it; wait for its end, or choose another --out`,
  );
}

/** Who holds the claim; undefined where nobody does any more. */
async function holderOf(path: string): Promise<string | undefined> {
  const claim = claimSchema.safeParse(parsed(await readFile(path, 'utf8').catch(() => '')));
  const ageMs = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? 0);
  if (!claim.success) return ageMs < unwrittenClaimMs ? 'another process' : undefined;
  const { host, pid, mark } = claim.data;
  if (host === hostname()) return processMark(pid) === mark ? `process ${pid}` : undefined;
  return ageMs < foreignClaimMs ? `process ${pid} on ${host}` : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Files that were being written beside their places, NAME.PID.tmp, by processes that are gone. */
async function removeLeftovers(directory: string): Promise<void> {
  for (const folder of [directory, join(directory, runFiles.checkpoints)]) {
    for (const name of await readdir(folder).catch(() => [])) {
      const pid = /\.(\d+)\.tmp$/.exec(name)?.[1];
      if (pid !== undefined && !isAlive(Number(pid))) await rm(join(folder, name), { force: true });
    }
  }
}
