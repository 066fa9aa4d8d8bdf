/**
 * One of our training engines as a contender: a process that takes steps on batches which are at hand, or on those that the whole
 * data pipeline makes, threads and augmentation included.
 */
import { TexturaError } from '../model/error.ts';
import { networkOf } from '../model/network.ts';
import { initialParameters, zeroParameters } from '../model/parameters.ts';
import { type TrainingConfig, trainingConfigSchema } from '../model/training-config.ts';
import { availableMemoryBytes } from '../node/machine.ts';
import { textureNames } from '../textures/textures.ts';
import { batchRanges, startDataLoader } from '../training/data/data-loader.ts';
import { loadDataset } from '../training/data/dataset.ts';
import type { Batch } from '../training/engine/engine.ts';
import { openEngine } from '../training/engine/engine-opening.ts';
import { benchSettings, takeBurst } from './burst.ts';
import { answerBursts } from './contender-process.ts';
import { type EngineRequest, engineRequestSchema } from './engine-request.ts';
import { randomBatches, repeated } from './random-batches.ts';

const bareBatches = 4;

interface BatchSupply {
  readonly classes: number;
  readonly batches: AsyncIterator<Batch> | Iterator<Batch>;
  close(): Promise<void>;
}

function batchesAtHand(batch: number): BatchSupply {
  const classes = textureNames.length;
  return {
    classes,
    batches: repeated(randomBatches(bareBatches, batch, classes)),
    close: async () => {},
  };
}

/** Batches as `npm run train` makes them, epoch after epoch. */
async function pipelineBatches(config: TrainingConfig, threads: number): Promise<BatchSupply> {
  const cacheBytes = availableMemoryBytes() / 4;
  const dataset = await loadDataset({ ...config, cacheBytes });
  const makers = dataset.pixels === undefined ? Math.max(2, threads) : 1;
  const source = startDataLoader({ ...dataset, ...config, cacheBytes }, makers);
  async function* epochs(): AsyncGenerator<Batch> {
    for (let epoch = 1; ; epoch++) {
      const ranges = batchRanges(config.patchesPerEpoch, config.batch);
      yield* source.batches(ranges.map((range) => ({ split: 'train', epoch, ...range })));
    }
  }
  return { classes: dataset.labels.length, batches: epochs(), close: source.close };
}

async function serve({ engine: name, variant, batch, threads, work, data }: EngineRequest): Promise<void> {
  const supply =
    work === 'bare'
      ? batchesAtHand(batch)
      : await pipelineBatches(trainingConfigSchema.parse({ data, variant, batch, augment: work }), threads);
  const network = networkOf(variant, supply.classes);
  const choice = { engine: name, device: 'cpu', why: 'bench' } as const;
  const engine = await openEngine(choice, network, { threads, batch });
  await engine.write({ parameters: initialParameters(network, 1), momentum: zeroParameters(network) });

  async function step(): Promise<void> {
    const { value } = (await supply.batches.next()) as { readonly value: Batch };
    const logits = await engine.step(value, benchSettings);
    if (!logits.every(Number.isFinite)) throw new TexturaError('diverged', 'logits are not finite');
  }

  await answerBursts({ ...engine.versions }, async (request) => {
    const taken = await takeBurst(step, request);
    return { ...taken, peakBytes: process.resourceUsage().maxRSS * 1024 };
  });
  await engine.dispose();
  await supply.close();
}

await serve(engineRequestSchema.parse(JSON.parse(process.argv[2] ?? '')));
