import { spawnSync } from 'node:child_process';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { pngFile } from '../../support/pictures.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const answerSchema = z.strictObject({ grownMiB: z.number() });

/** One batch of all files of a folder in a process of its own, under a limit on open files. */
function readBatch(folder: string, sidePx: number, cacheBytes: number, openFiles = 1024) {
  const script = join(import.meta.dirname, '../../support/read-batch.ts');
  const loader = import.meta.resolve('tsx');
  const { stdout, stderr } = spawnSync(
    'sh',
    [
      '-c',
      `ulimit -n ${openFiles} && exec "$0" "$@"`,
      process.execPath,
      '--import',
      loader,
      script,
      folder,
    ].concat(`${sidePx}`, `${cacheBytes}`),
    { encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  return answerSchema.parse(JSON.parse(stdout));
}

test.skipIf(process.platform === 'win32')(
  'a batch of many large photographs takes the memory that its budget allows, not that of all of them',
  async () => {
    const side = 3000;
    const folder = await temporaryFolder();
    const photograph = await sharp({ create: { width: side, height: side, channels: 3, background: '#8a6' } })
      .jpeg({ quality: 40 })
      .toBuffer();
    for (let i = 0; i < 16; i++) await writeFile(join(folder, `${i}.jpg`), photograph);
    // About 170 MiB, however many photographs there are: memory is freed a little later than it is given back. All
    // of these at once take 570 MiB.
    expect(readBatch(folder, side, 40 * 2 ** 20).grownMiB).toBeLessThan(300);
  },
  60_000,
);

test.skipIf(process.platform === 'win32')(
  'a batch of more photographs than files may be open is made',
  async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, '0.png'), await pngFile(1, 70, 70));
    for (let i = 1; i < 300; i++) await cp(join(folder, '0.png'), join(folder, `${i}.png`));
    // Node itself opens dozens of files at once while it loads modules.
    readBatch(folder, 70, 2 ** 30, 128);
  },
  60_000,
);
