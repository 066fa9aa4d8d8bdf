/** samples.png of a run: the first patches of its first epoch, before and after augmentation. */
import { join } from 'node:path';
import { patchBytes } from '../../model/patch.ts';
import { reportFiles } from '../../report/report-files.ts';
import { writeSamples } from '../../report/samples.ts';
import { type BatchSetting, batchMaker } from '../data/batch-maker.ts';
import { pixelReader } from '../data/pixel-source.ts';

const sampleCount = 24;

/** Draws what the batch threads will draw: the same plan, the same random streams. */
export async function writeBatchSamples(
  directory: string,
  labels: readonly string[],
  setting: BatchSetting,
): Promise<void> {
  const request = {
    split: 'train',
    epoch: 1,
    start: 0,
    count: Math.min(sampleCount, setting.patchesPerEpoch),
  } as const;
  const before = await batchMaker({ ...setting, augment: 'none' })(request);
  const after = await batchMaker(setting)(request);
  const patchOf = (patches: Uint8Array, i: number) => patches.slice(i * patchBytes, (i + 1) * patchBytes);
  const [first] = setting.train;
  const read = pixelReader({ ...setting, images: setting.train });
  const image = await read(0, (pixels) => pixels);
  await writeSamples(join(directory, reportFiles.samples), {
    heading: `Augmentation: ${setting.augment}`,
    samples: Array.from(before.labels, (label, i) => ({
      label: labels[label] ?? '',
      before: patchOf(before.patches, i),
      after: patchOf(after.patches, i),
    })),
    image,
    imageName: first?.name ?? '',
  });
}
