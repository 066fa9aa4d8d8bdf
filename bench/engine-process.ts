/**
 * One of our training engines as a contender: a process that takes steps on batches which are at hand, or on those that the whole
 * data pipeline makes, threads and augmentation included.
 */
import { createInterface } from 'node:readline';
import { TexturaError } from '../model/error.ts';
import { networkOf } from '../model/network.ts';
import { initialParameters, zeroParameters } from '../model/parameters.ts';
import { patchBytes } from '../model/patch.ts';
import { randomStream } from '../model/random.ts';
import { textureNames } from '../model/textures/textures.ts';
import { type TrainingConfig, trainingConfigSchema } from '../model/training-config.ts';
import { availableMemoryBytes } from '../node/machine.ts';
import { batchRanges, startBatches } from '../training/data/batches.ts';
import { loadDataset } from '../training/data/dataset.ts';
import type { Batch } from '../training/engine.ts';
import { openEngine } from '../training/engine-opening.ts';
import { type Burst, type BurstRequest, burstRequestSchema, type Greeting } from './contender.ts';
import { type EngineRequest, engineRequestSchema } from './engine-request.ts';

/** Low, so that random labels never end in values that are not finite. */
const learningRate = 1e-3;
const bareBatches = 4;

function answer(message: Greeting | Burst): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

interface BatchSupply {
  readonly classes: number;
  readonly batches: AsyncIterator<Batch> | Iterator<Batch>;
}

function randomBatches(batch: number): BatchSupply {
  const random = randomStream(1, 'bench patches');
  const classes = textureNames.length;
  const made = Array.from({ length: bareBatches }, (): Batch => {
    const patches = Uint8Array.from({ length: batch * patchBytes }, () => random.integer(0, 255));
    return { patches, labels: Int32Array.from({ length: batch }, () => random.integer(0, classes - 1)) };
  });
  return { classes, batches: repeated(made) };
}

function* repeated(batches: readonly Batch[]): Generator<Batch, never> {
  for (;;) yield* batches;
}

/** Batches as `npm run train` makes them, epoch after epoch. */
async function pipelineBatches(config: TrainingConfig, threads: number): Promise<BatchSupply> {
  const cacheBytes = availableMemoryBytes() / 4;
  const dataset = await loadDataset({ ...config, cacheBytes });
  const makers = dataset.pixels === undefined ? Math.max(2, threads) : 1;
  const source = startBatches({ ...dataset, ...config, cacheBytes }, makers);
  async function* epochs(): AsyncGenerator<Batch> {
    for (let epoch = 1; ; epoch++) {
      const ranges = batchRanges(config.patchesPerEpoch, config.batch);
      yield* source.batches(ranges.map((range) => ({ split: 'train', epoch, ...range })));
    }
  }
  return { classes: dataset.labels.length, batches: epochs() };
}

async function serve({ engine: name, variant, batch, threads, work, data }: EngineRequest): Promise<void> {
  const supply =
    work === 'bare'
      ? randomBatches(batch)
      : await pipelineBatches(trainingConfigSchema.parse({ data, variant, batch, augment: work }), threads);
  const network = networkOf(variant, supply.classes);
  const choice = { engine: name, device: 'cpu', why: 'bench' } as const;
  const engine = await openEngine(choice, network, { threads, batch });
  await engine.write({ parameters: initialParameters(network, 1), momenta: zeroParameters(network) });

  async function step(): Promise<void> {
    const { value } = (await supply.batches.next()) as { readonly value: Batch };
    const logits = await engine.step(value, { learningRate, momentum: 0.9, weightDecay: 5e-4 });
    if (!logits.every(Number.isFinite)) throw new TexturaError('diverged', 'logits are not finite');
  }

  async function burst({ warmUpSteps, steps, limitSeconds }: BurstRequest): Promise<Burst> {
    for (let i = 0; i < warmUpSteps; i++) await step();
    const startedAt = performance.now();
    let [taken, seconds] = [0, 0];
    while (taken < steps && seconds < limitSeconds) {
      await step();
      taken++;
      seconds = (performance.now() - startedAt) / 1000;
    }
    return { steps: taken, seconds, peakBytes: process.resourceUsage().maxRSS * 1024 };
  }

  answer({ versions: { ...engine.versions } });
  for await (const line of createInterface({ input: process.stdin })) {
    answer(await burst(burstRequestSchema.parse(JSON.parse(line))));
  }
  await engine.dispose();
}

await serve(engineRequestSchema.parse(JSON.parse(process.argv[2] ?? '')));
