import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { scanDataFolder } from '../../../training/data/folder.ts';
import { checkImages } from '../../../training/data/image-check.ts';
import { smallPhotographs } from '../../support/small-photographs.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('after an error that is no file’s fault, no other file is read', async () => {
  const folder = await temporaryFolder(await smallPhotographs('photos', ['brick', 'knit'], 20));
  const { files, labels } = await scanDataFolder(join(folder, 'photos'));
  let read = 0;
  const checking = checkImages(files, {
    labels,
    patchPx: 64,
    maxImagePixels: 1e6,
    decodingBytes: 2 ** 26,
    onPixels() {
      if (++read === 1) throw new Error('no memory is left');
    },
  });
  await expect(checking).rejects.toThrow('no memory is left');
  await sleep(200);
  expect(files).toHaveLength(40);
  expect(read).toBeLessThanOrEqual(8);
});
