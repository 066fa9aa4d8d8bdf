/** Atomic writes: files are written under a temporary name, flushed, then renamed. */
import { rmSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writingTo } from './output.ts';
import { isAlive } from './process-life.ts';

/** The name of a file that becomes `path` once it is complete. */
export function temporaryName(path: string): string {
  return `${path}.${process.pid}.tmp`;
}

/** Removes the temporary files of dead processes in a folder, which need not exist. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const pid = /\.(\d+)\.tmp$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(folder, name), { force: true });
  }
}

/** Files under a temporary name. */
const unfinished = new Set<string>();

function removeUnfinished(): void {
  for (const path of unfinished) rmSync(path, { force: true });
}

/** Runs `work`, which writes and renames temporary files. If it fails or the process exits, they are removed. */
export async function withTemporaryFiles<T>(paths: readonly string[], work: () => Promise<T>): Promise<T> {
  // Before the release of a folder lock, which removes the folder if it is empty.
  if (unfinished.size === 0) process.prependListener('exit', removeUnfinished);
  for (const path of paths) unfinished.add(path);
  try {
    return await work();
  } catch (error) {
    for (const path of paths) await rm(path, { force: true }).catch(() => {});
    throw error;
  } finally {
    for (const path of paths) unfinished.delete(path);
    if (unfinished.size === 0) process.off('exit', removeUnfinished);
  }
}

/**
 * Writes `content` to `path` and creates its folder. A crash leaves the old file or the new one, never a part
 * of it.
 * Errors: `output-unwritable`.
 */
export async function writeFileAtomically(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = temporaryName(path);
  await withTemporaryFiles([temporary], async () => {
    await writingTo(path, async () => {
      await mkdir(dirname(path), { recursive: true });
      const file = await open(temporary, 'w');
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
    });
    await moveFile(temporary, path);
  });
}

/** Writes `value` as indented JSON. Errors: as `writeFileAtomically`. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

/** Renames a file on the same disk and replaces the target. Errors: `output-unwritable`. */
export async function moveFile(from: string, to: string): Promise<void> {
  await writingTo(to, async () => {
    await mkdir(dirname(to), { recursive: true });
    await rename(from, to);
  });
}
