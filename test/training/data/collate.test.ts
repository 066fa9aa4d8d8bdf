import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { type Augmentation, augmentations } from '../../../model/training-config.ts';
import { collator } from '../../../training/data/collate.ts';
import { startPixelCache } from '../../../training/data/pixels.ts';
import { startArguments } from '../../support/command.ts';
import { pngFile } from '../../support/pictures.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const answerSchema = z.strictObject({ grownMiB: z.number() });

/** One batch of all files of a folder in a process of its own, under a limit on open files. */
function readBatch(folder: string, sidePx: number, cacheBytes: number, openFiles = 1024) {
  const { stdout, stderr } = spawnSync(
    'sh',
    [
      '-c',
      `ulimit -n ${openFiles} && exec "$0" "$@"`,
      process.execPath,
      ...startArguments('test/support/read-batch.ts'),
      folder,
    ].concat(`${sidePx}`, `${cacheBytes}`),
    { encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  return answerSchema.parse(JSON.parse(stdout));
}

test.skipIf(process.platform === 'win32')(
  'a batch of many large photographs stays within its memory budget',
  async () => {
    const side = 3000;
    const folder = await temporaryFolder();
    const photograph = await sharp({ create: { width: side, height: side, channels: 3, background: '#8a6' } })
      .jpeg({ quality: 40 })
      .toBuffer();
    for (let i = 0; i < 16; i++) await writeFile(join(folder, `${i}.jpg`), photograph);
    // About 170 MiB for any number of photographs, because memory is freed a little after it is released. All
    // of these at once need 570 MiB.
    expect(readBatch(folder, side, 40 * 2 ** 20).grownMiB).toBeLessThan(300);
  },
  60_000,
);

test.skipIf(process.platform === 'win32')(
  'a batch can have more photographs than the limit on open files',
  async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, '0.png'), await pngFile(1, 70, 70));
    for (let i = 1; i < 300; i++) await cp(join(folder, '0.png'), join(folder, `${i}.png`));
    // Node itself opens dozens of files at once while it loads modules.
    readBatch(folder, 70, 2 ** 30, 128);
  },
  60_000,
);

/**
 * Hashes of 40 patches and labels. If one changes, the results of every run with that augmentation change.
 */
const batchHashes = {
  none: '9dede5d31a3553c58d6ae12e1fbe2bcaf4db58ec002a28bced0159a5ce5e38e4',
  jitter64: '3ba9b3e2e83b5e36c03392ca661bd55600499cf08c5cb1f88819e20f16e4a351',
  strong: '3049a2cff4fadc640202da6fb04c6de166509dc606302eb0999ec31adfbb4049',
} as const satisfies Record<Augmentation, string>;

test.each(augmentations)('with --augment %s a batch has the same bytes in every version', async (augment) => {
  const cache = startPixelCache(1e6);
  const sizes = [
    [91, 77],
    [64, 130],
    [203, 101],
  ] as const;
  const train = sizes.map(([width, height], i) => {
    const source = { kind: 'generated', texture: 'brick', index: i } as const;
    const image = { name: `${i}`, source, label: i % 2, width, height, meanGrey: 128, contentHash: '' };
    const data = Uint8Array.from({ length: width * height }, (_, at) => (at * at + 7 * at * i) % 251);
    cache.add(image, { data, width, height });
    return image;
  });
  const collate = collator({
    train,
    validation: [],
    pixels: cache.pixelsOf(train),
    cacheBytes: 0,
    patchesPerEpoch: 60,
    patchPx: 64,
    augment,
    seed: 3,
  });
  const { patches, labels } = await collate({ split: 'train', epoch: 2, start: 5, count: 40 });
  expect(createHash('sha256').update(patches).update(labels).digest('hex')).toBe(batchHashes[augment]);
});
