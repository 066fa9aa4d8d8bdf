/**
 * `setup:slim`: deletes what other systems need. The npm package of onnxruntime-node has the libraries of all
 * systems, 288 MB, of which one uses a sixth.
 */
import { readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { bytes } from '../model/format.ts';
import { type CommandDefinition, runIfMain } from '../node/command-line.ts';
import { bindingFolder } from '../node/cuda-libraries.ts';
import { terminalOn } from '../node/terminal.ts';

interface ForeignFolder {
  readonly path: string;
  readonly bytes: number;
}

/**
 * The folders of other systems next to `own`, which is `.../PLATFORM/ARCH`. None if `own` does not exist, so
 * that nothing is deleted where the layout is another one.
 */
export async function foreignFolders(own: string): Promise<readonly ForeignFolder[]> {
  const all = dirname(dirname(own));
  if (!(await isFolder(own))) return [];
  const folders: ForeignFolder[] = [];
  for (const platform of await readdir(all)) {
    for (const arch of await readdir(join(all, platform))) {
      const path = join(all, platform, arch);
      if (path !== own && (await isFolder(path))) folders.push({ path, bytes: await bytesIn(path) });
    }
  }
  return folders;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(({ parentPath, name }) => stat(join(parentPath, name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

const options = z.strictObject({
  dryRun: z.boolean().default(false).describe('list the folders and delete nothing'),
});

export const command: CommandDefinition<typeof options> = {
  name: 'setup:slim',
  summary: "Deletes onnxruntime's libraries for other systems; a new installation brings them back.",
  options,
  async run({ dryRun }) {
    const { line } = terminalOn(process.stdout);
    const own = bindingFolder();
    const folders = await foreignFolders(own);
    for (const folder of folders) {
      if (!dryRun) await rm(folder.path, { recursive: true });
      line(
        `${dryRun ? 'would delete' : 'deleted'} ${relative(process.cwd(), folder.path)} (${bytes(folder.bytes)})`,
      );
    }
    if (folders.length === 0) line(`nothing to delete next to ${relative(process.cwd(), own)}`);
  },
};

await runIfMain(command, import.meta.url);
