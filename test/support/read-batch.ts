/**
 * A process that makes one training batch from all files of a folder, decoded on demand:
 * `read-batch.ts FOLDER SIDE_PX CACHE_BYTES`. Prints as JSON by how many MiB its memory grew at most.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { collator } from '../../training/data/collate.ts';
import type { DatasetImage } from '../../training/data/dataset-image.ts';

const [folder = '', side, cacheBytes] = process.argv.slice(2);
const train = readdirSync(folder).map(
  (name, i): DatasetImage => ({
    name,
    source: { kind: 'file', path: join(folder, name) },
    label: i % 2,
    width: Number(side),
    height: Number(side),
    meanGrey: 128,
    contentHash: name,
  }),
);
const collate = collator({
  train,
  validation: [],
  pixels: undefined,
  cacheBytes: Number(cacheBytes),
  patchesPerEpoch: train.length,
  patchPx: 64,
  augment: 'jitter64',
  seed: 1,
});
const before = process.resourceUsage().maxRSS;
await collate({ split: 'train', epoch: 1, start: 0, count: train.length });
const grownMiB = Math.round((process.resourceUsage().maxRSS - before) / 1024);
process.stdout.write(JSON.stringify({ grownMiB }));
