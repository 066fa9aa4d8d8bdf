import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PicturePipeline } from '../../serve/folder/picture-pipeline.ts';
import { type ModelFile, readModelFile } from '../../serve/model.ts';
import { breakingThreads, breakThreads } from '../support/breaking-threads.ts';
import { exportModels } from '../support/running-service.ts';
import { smallPhotographs } from '../support/small-photographs.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

async function exportedModel(): Promise<ModelFile> {
  const folder = await temporaryFolder();
  await exportModels(folder, [{ variant: 'lab-baseline' }]);
  return readModelFile(join(folder, 'lab-baseline.onnx'));
}

test('a file that keeps changing while it is read is skipped', async () => {
  const side = 4000;
  // Large enough that reading it takes longer than changing it.
  const picture = Buffer.concat([Buffer.from(`P5 ${side} ${side} 255\n`), Buffer.alloc(side * side, 99)]);
  const path = join(await temporaryFolder({ 'a.pgm': picture }), 'a.pgm');
  const pipeline = new PicturePipeline(await exportedModel(), {
    crops: 'auto',
    maxPixels: side * side,
    cores: 1,
  });
  let isReading = true;
  const changes = (async () => {
    for (let second = 1; isReading; second++) await utimes(path, second, second);
  })();
  const outcome = await pipeline.classify(path, 'a.pgm');
  isReading = false;
  await changes;
  expect(outcome).toEqual({ skipped: 'the file changed while it was read' });
  expect(await pipeline.classify(path, 'a.pgm')).toMatchObject({ patches: 12 });
  await pipeline.close();
});

test('if a thread is lost, its pictures are classified again', async () => {
  const [picture = new Uint8Array()] = Object.values(await smallPhotographs('', ['brick'], 1));
  const path = join(await temporaryFolder({ 'a.png': picture }), 'a.png');
  const settings = { crops: 'auto', maxPixels: 1e6, cores: 1 } as const;
  const pipeline = new PicturePipeline(await exportedModel(), settings, breakingThreads.picture);
  const alone = await pipeline.classify(path, 'a.png');
  const pictures = [pipeline.classify(path, 'a.png'), pipeline.classify(path, 'a.png')];
  breakThreads('throw');
  expect(await Promise.all(pictures)).toEqual([alone, alone]);
  expect(alone).toMatchObject({ patches: 4 });
  await pipeline.close();
});
