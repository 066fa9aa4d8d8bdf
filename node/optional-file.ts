/** Files that may be missing. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { TexturaError } from '../model/error.ts';

/** The file's bytes; undefined if it does not exist. Errors: `file-unreadable`. */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    // Copied, because a Buffer's memory may be shared and its slice is a view.
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new TexturaError('file-unreadable', `${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** The same as text. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  const file = await readIfThere(path);
  return file && new TextDecoder().decode(file);
}

/** The text of a file that may be unreadable too, such as one of /proc; undefined if it is. Synchronous. */
export function readTextIfReadable(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
