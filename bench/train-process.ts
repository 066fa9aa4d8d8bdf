/** The program of candidates in Node: a training engine, the step in a browser, or a matrix product. */
import { TexturaError } from '../model/error.ts';
import { volume } from '../model/layer.ts';
import { networkOf } from '../model/network.ts';
import { initialParameters, zeroParameters } from '../model/parameters.ts';
import type { Batch } from '../model/patch.ts';
import { randomStream } from '../model/random.ts';
import { type TrainingConfig, trainingConfigSchema } from '../model/training-config.ts';
import { availableMemoryBytes } from '../node/machine.ts';
import { textureNames } from '../textures/textures.ts';
import { batchRanges, loaderWorkers, startDataLoader } from '../training/data/data-loader.ts';
import { loadDataset } from '../training/data/dataset.ts';
import { openEngine } from '../training/engine/engine-opening.ts';
import { answerSamples, type SpeedSample } from './candidate.ts';
import { productModel } from './matrix-product.ts';
import { benchSettings, randomBatches, repeated, type Timing, takeSample } from './sample.ts';
import { type EngineProcessRequest, type ProcessRequest, processRequestSchema } from './train-candidates.ts';

async function answer(request: ProcessRequest): Promise<void> {
  switch (request.kind) {
    case 'engine':
      return answerEngine(request);
    case 'browser':
      return answerBrowser(request);
    case 'product':
      return answerProduct(request);
    default:
      throw request satisfies never;
  }
}

async function answerEngine({ engine: name, variant, batch, threads, batches, data }: EngineProcessRequest) {
  const augment = batches === 'jitter64' || batches === 'strong' ? batches : 'none';
  const supply =
    batches === 'prepared'
      ? preparedBatches(batch)
      : await pipelineBatches(trainingConfigSchema.parse({ data, variant, batch, augment }), threads);
  const network = networkOf(variant, supply.classes);
  const choice = { engine: name, device: 'cpu', why: 'bench' } as const;
  const engine = await openEngine(choice, network, { threads, batch });
  await engine.write({ parameters: initialParameters(network, 1), momentum: zeroParameters(network) });

  async function step(): Promise<void> {
    const { value } = (await supply.batches.next()) as { readonly value: Batch };
    const logits = await engine.step(value, benchSettings);
    if (!logits.every(Number.isFinite)) throw new TexturaError('diverged', 'logits are not finite');
  }

  await answerSamples({ ...engine.versions }, async (plan) => withPeakMemory(await takeSample(step, plan)));
  await engine.dispose();
  await supply.close();
}

interface BatchSupply {
  readonly classes: number;
  readonly batches: AsyncIterator<Batch> | Iterator<Batch>;
  close(): Promise<void>;
}

function preparedBatches(batch: number): BatchSupply {
  const classes = textureNames.length;
  return { classes, batches: repeated(randomBatches(4, batch, classes)), close: async () => {} };
}

/** The batches of `npm run train`, epoch after epoch. */
async function pipelineBatches(config: TrainingConfig, threads: number): Promise<BatchSupply> {
  const cacheBytes = availableMemoryBytes() / 4;
  const dataset = await loadDataset({ ...config, cacheBytes });
  const workers = loaderWorkers(dataset, { device: 'cpu' }, threads);
  const loader = startDataLoader({ ...dataset, ...config, cacheBytes }, workers);
  async function* epochs(): AsyncGenerator<Batch> {
    for (let epoch = 1; ; epoch++) {
      const ranges = batchRanges(config.patchesPerEpoch, config.batch);
      yield* loader.batches(ranges.map((range) => ({ split: 'train', epoch, ...range })));
    }
  }
  return { classes: dataset.labels.length, batches: epochs(), close: loader.close };
}

async function answerBrowser({
  variant,
  batch,
}: Extract<ProcessRequest, { readonly kind: 'browser' }>): Promise<void> {
  // Loaded only here: it would add to the peak memory of the other candidates.
  const { openStepBrowser } = await import('./web/bench-browser.ts');
  const browser = await openStepBrowser({
    variant,
    batch,
    classes: textureNames.length,
    provider: 'wasm',
    width: 1,
  });
  await answerSamples({ ...browser.versions }, async (plan) => {
    const timing = await browser.sample(plan);
    return { ...timing, peakBytes: await browser.peakBytes() };
  });
  await browser.close();
}

async function answerProduct({
  threads,
  ...shape
}: Extract<ProcessRequest, { readonly kind: 'product' }>): Promise<void> {
  const { env, InferenceSession, Tensor } = await import('../node/onnxruntime.ts');
  const random = randomStream(1, 'bench products');
  const factorOf = (sizes: readonly number[]) =>
    new Tensor(
      Float32Array.from({ length: volume(sizes) }, () => random.uniform()),
      sizes,
    );
  const factors = { left: factorOf(shape.left), right: factorOf(shape.right) };
  const session = await InferenceSession.create(productModel(shape).bytes, { intraOpNumThreads: threads });
  await answerSamples({ 'onnxruntime-node': env.versions.node ?? 'unknown' }, async (plan) =>
    withPeakMemory(await takeSample(() => session.run(factors), plan)),
  );
  await session.release();
}

function withPeakMemory(timing: Timing): SpeedSample {
  return { ...timing, peakBytes: process.resourceUsage().maxRSS * 1024 };
}

await answer(processRequestSchema.parse(JSON.parse(process.argv[2] ?? '')));
