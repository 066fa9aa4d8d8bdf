/**
 * The process that measures a training step and an evaluation of a network on random patches. It prints the
 * result as JSON.
 */
import type { Network } from '../model/network.ts';
import { initialParameters, zeroParameters } from '../model/parameters.ts';
import { patchBytes } from '../model/patch.ts';
import { randomStream } from '../model/random.ts';
import { configuredNetwork, type TrainingConfig } from '../model/training-config.ts';
import type { Engine } from '../training/engine/engine.ts';
import { openEngine } from '../training/engine/engine-opening.ts';
import { type Measured, type MeasureOrder, measureOrderSchema } from './estimate.ts';

/** A multiple of the 32 patches that an engine evaluates at a time. */
const measuredPatches = 64;
const midGrey = 127.5;

async function measure({ config, classes, threads, choice }: MeasureOrder): Promise<Measured> {
  const network = configuredNetwork(config, { classes, meanGrey: midGrey });
  const notes: string[] = [];
  const engine = await openEngine(choice, network, { threads, batch: config.batch }, (reason) =>
    notes.push(reason),
  );
  try {
    const startSeconds = process.uptime();
    return { startSeconds, notes, ...(await measureEngine(engine, network, config)) };
  } finally {
    await engine.dispose();
  }
}

async function measureEngine(
  engine: Engine,
  network: Network,
  { batch: size }: TrainingConfig,
): Promise<Pick<Measured, 'stepSeconds' | 'patchSeconds'>> {
  await engine.write({ parameters: initialParameters(network, 1), momentum: zeroParameters(network) });
  const patches = randomPatches(Math.max(size, measuredPatches));
  const labels = Int32Array.from({ length: size }, (_, i) => i % network.classes);
  const batch = { patches: patches.subarray(0, size * patchBytes), labels };
  // A learning rate of 0, because training on random labels could end in denormal values, which are slow.
  const schedule = { learningRate: 0, momentum: 0.9, weightDecay: 0 };
  const stepSeconds = await secondTime(() => engine.step(batch, schedule));
  const evaluated = patches.subarray(0, measuredPatches * patchBytes);
  const evaluationSeconds = await secondTime(() => engine.logits(evaluated));
  return { stepSeconds, patchSeconds: evaluationSeconds / measuredPatches };
}

/** Time of the second of two calls: the first warms up. */
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
