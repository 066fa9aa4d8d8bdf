/** Creates folders that are complete or absent: filled under a temporary name, then renamed. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isAlive } from '../node/process-life.ts';

/**
 * Gives `fill` an empty working folder; the folder in it that `fill` returns becomes `place`. If another
 * process was faster, its folder stays.
 */
export async function makeWholeFolder(
  place: string,
  fill: (working: string) => Promise<string>,
): Promise<void> {
  await withWorkingFolder(place, async (working) => renameUnlessThere(await fill(working), place));
}

/**
 * Gives `use` an empty working folder on the same disk as `place`. It is always removed, and so are those of
 * killed processes.
 */
export async function withWorkingFolder(
  place: string,
  use: (working: string) => Promise<void>,
): Promise<void> {
  const working = `${place}.partial-${process.pid}`;
  await mkdir(working, { recursive: true });
  await removeAbandoned(place);
  try {
    await use(working);
  } finally {
    await rm(working, { recursive: true, force: true });
  }
}

async function renameUnlessThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}

async function removeAbandoned(place: string): Promise<void> {
  const prefix = `${basename(place)}.partial-`;
  const parent = dirname(place);
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix) || isAlive(Number(name.slice(prefix.length)))) continue;
    await rm(join(parent, name), { recursive: true, force: true });
  }
}
