/** The files of a folder that `classify` reads, in a stable order, and what in it cannot be read. */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { compareNames } from '../../model/code-point-order.ts';
import { requireFolder, walkFolder } from '../../node/folder-walk.ts';

export interface ListedFile {
  /** Path below the folder, with `/` between its parts. */
  readonly name: string;
  readonly path: string;
  /** Set for what cannot be read: a folder, a device, a broken link, a name that is not UTF-8. */
  readonly why?: string;
}

/**
 * Lists everything below `root` except hidden and system files and the file `without`, in order of names.
 * Errors: `data-unusable` if it is not a folder.
 */
export async function listFolder(root: string, without: string): Promise<readonly ListedFile[]> {
  await requireFolder(root, 'a folder');
  const { files, skipped, unlisted } = await walkFolder(root);
  const own = await realpath(without).catch(() => resolve(without));
  const names = new Set<string>();
  return [
    ...files.map(({ name, path, unreadable }) =>
      unreadable === undefined ? { name, path } : { name, path, why: unreadable },
    ),
    ...[...skipped, ...unlisted].map(({ name, why }) => ({ name, path: '', why })),
  ]
    .filter(({ name, path }) => {
      // A name that is not UTF-8 can look like another one.
      if (path === own || names.has(name)) return false;
      names.add(name);
      return true;
    })
    .sort((a, b) => compareNames(a.name, b.name));
}
