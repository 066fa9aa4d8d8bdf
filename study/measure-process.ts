/** The process that measures one training step and one evaluation of a network, on random patches; answers in JSON. */
import type { Network } from '../model/network.ts';
import { initialParameters, zeroParameters } from '../model/parameters.ts';
import { patchBytes } from '../model/patch.ts';
import { randomStream } from '../model/random.ts';
import { configuredNetwork, type TrainingConfig } from '../model/training-config.ts';
import type { Engine } from '../training/engine/engine.ts';
import { chosenEngine, openEngine } from '../training/engine/engine-opening.ts';
import { type Measured, type MeasureOrder, measureOrderSchema } from './measured-step.ts';

/** What an evaluation is timed on: enough that its parts of 32 count. */
const evaluationPatches = 64;
const midGrey = 127.5;

async function measure({ config, classes, computing }: MeasureOrder): Promise<Measured> {
  const network = configuredNetwork(config, { classes, meanGrey: midGrey });
  const choice = await chosenEngine(computing);
  const engine = await openEngine(choice, network, { threads: computing.threads, batch: config.batch });
  try {
    return {
      engine: `${engine.name} on ${engine.device}`,
      ...(await measureEngine(engine, network, config)),
    };
  } finally {
    await engine.dispose();
  }
}

async function measureEngine(
  engine: Engine,
  network: Network,
  { batch: size }: TrainingConfig,
): Promise<Omit<Measured, 'engine'>> {
  await engine.write({ parameters: initialParameters(network, 1), momentum: zeroParameters(network) });
  const patches = randomPatches(Math.max(size, evaluationPatches));
  const labels = Int32Array.from({ length: size }, (_, i) => i % network.classes);
  const batch = { patches: patches.subarray(0, size * patchBytes), labels };
  // A rate that moves nothing: random labels must not end in values that slow the processor down.
  const still = { learningRate: 0, momentum: 0.9, weightDecay: 0 };
  const stepSeconds = await secondTime(() => engine.step(batch, still));
  const evaluated = patches.subarray(0, evaluationPatches * patchBytes);
  const evaluationSeconds = await secondTime(() => engine.logits(evaluated));
  return { stepSeconds, patchSeconds: evaluationSeconds / evaluationPatches };
}

/** Seconds of the second of two calls: the first one fills caches. */
async function secondTime(work: () => Promise<unknown>): Promise<number> {
  await work();
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

function randomPatches(count: number): Uint8Array {
  const random = randomStream(1, 'patches to measure with');
  return Uint8Array.from({ length: count * patchBytes }, () => random.integer(0, 255));
}

const measured = await measure(measureOrderSchema.parse(JSON.parse(process.argv[2] ?? '')));
process.stdout.write(JSON.stringify(measured));
