/**
 * The end of a run: the best epoch's values become the model, and the engine's own answers on the validation patches are
 * written beside it, so that an exported file can be verified against them without the engine or the data. An engine that
 * computes in TensorFloat-32 is too far off for that: the answers are then computed again in float32 on the CPU.
 */
import { join } from 'node:path';
import { parameterSpecs } from '../../model/description.ts';
import { volume } from '../../model/layer.ts';
import type { Network } from '../../model/network.ts';
import type { Parameters, TrainingState } from '../../model/parameters.ts';
import { patchBytes } from '../../model/patch.ts';
import { type Run, runFiles } from '../../model/run-file.ts';
import { encodeTensors, type StoredTensor } from '../../model/safetensors.ts';
import { meanScores, softmaxRows, topClasses } from '../../model/scores.ts';
import { type ValidatedImage, validationToCsv } from '../../model/validation-file.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { writeConfusion } from '../../report/confusion-file.ts';
import type { DatasetImage } from '../data/dataset.ts';
import { planGrid } from '../data/plan.ts';
import type { Engine } from '../engine/engine.ts';
import { bestCheckpoint } from './checkpoint.ts';
import { type TrainingSession, type Validated, validate } from './loop.ts';
import { validatedImages } from './validated-images.ts';

/** Most validation patches kept for the proof, spread evenly over the validation grid. */
const parityPatches = 256;

export interface Conclusion {
  readonly best: NonNullable<Run['best']>;
  /** A sentence for each checkpoint that was damaged; the values are then those of the newest whole one. */
  readonly damage: readonly string[];
  /** Largest difference in a probability between the engine in TensorFloat-32 and float32; undefined for one in float32. */
  readonly tf32Difference?: number;
}

/** Writes model.safetensors, parity.safetensors, validation.csv and confusion.csv from the best checkpoint; undefined where there is none. */
export async function concludeRun(
  session: TrainingSession,
  labels: readonly string[],
  validation: readonly DatasetImage[],
): Promise<Conclusion | undefined> {
  const { directory, network, engine } = session;
  const found = await bestCheckpoint(directory, network);
  if (found === undefined || found.checkpoint.progress.epochsDone === 0) return undefined;
  const { checkpoint, damage } = found;
  const epoch = checkpoint.progress.epochsDone;
  await engine.write(checkpoint.state);
  const answers = await validationAnswers(session);
  const images = validatedImages(answers, labels, planGrid(validation, session.config.patchPx), validation);
  await writeModel(directory, network, checkpoint.state.parameters, epoch);
  const reference = await referenceAnswers(engine, network, checkpoint.state, answers);
  await writeParity(directory, reference, answers, epoch);
  await writeFileAtomically(join(directory, runFiles.validation), validationToCsv(images));
  await writeConfusion(directory, labels, confusionCounts(answers, network.classes));
  const photographTop1err = photographError(images);
  const { objective, top1err, top5err } = meanScores(answers.sums);
  const { balancedTop1err } = answers;
  const best = { epoch, top1err, top5err, objective, balancedTop1err, photographTop1err };
  const { tf32Difference } = reference;
  return { best, damage, ...(tf32Difference === undefined ? {} : { tf32Difference }) };
}

/** The network's answers to the whole validation grid, in its order. */
interface ValidationAnswers extends Pick<Validated, 'sums' | 'balancedTop1err'> {
  readonly labels: Int32Array;
  /** `[patches, classes]`. */
  readonly logits: Float32Array;
  /** Every `keptEvery`-th patch, `[kept,64,64]`, with its index. */
  readonly kept: readonly { readonly index: number; readonly patch: Uint8Array }[];
}

async function validationAnswers(session: TrainingSession): Promise<ValidationAnswers> {
  const { validationPatches, network } = session;
  const labels = new Int32Array(validationPatches);
  const logits = new Float32Array(validationPatches * network.classes);
  const keepEvery = Math.max(1, validationPatches / parityPatches);
  const kept: { index: number; patch: Uint8Array }[] = [];
  let at = 0;
  const { sums, balancedTop1err } = await validate(session, (batchLogits, batchLabels, patches) => {
    labels.set(batchLabels, at);
    logits.set(batchLogits, at * network.classes);
    for (let i = 0; i < batchLabels.length; i++) {
      if (at + i < kept.length * keepEvery) continue;
      kept.push({ index: at + i, patch: patches.slice(i * patchBytes, (i + 1) * patchBytes) });
    }
    at += batchLabels.length;
  });
  return { sums, balancedTop1err, labels, logits, kept };
}

/** Share of the photographs whose averaged logits name another class than theirs. */
function photographError(images: readonly ValidatedImage[]): number {
  return images.filter((image) => image.photograph_prediction !== image.label).length / images.length;
}

function confusionCounts({ labels, logits }: ValidationAnswers, classes: number): number[][] {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  labels.forEach((label, i) => {
    const [named = 0] = topClasses(logits.subarray(i * classes, (i + 1) * classes), 1);
    const row = counts[label] as number[];
    row[named] = (row[named] as number) + 1;
  });
  return counts;
}

async function writeModel(
  directory: string,
  network: Network,
  parameters: Parameters,
  epoch: number,
): Promise<void> {
  const tensors = parameterSpecs(network).map(({ name, shape }): [string, StoredTensor] => {
    return [name, { shape, data: parameters.get(name) ?? new Float32Array(volume(shape)) }];
  });
  const metadata = { network: network.name, epoch: String(epoch) };
  await writeFileAtomically(
    join(directory, runFiles.model),
    encodeTensors({ tensors: new Map(tensors), metadata }),
  );
}

/** What an exported file is compared with. */
interface ReferenceAnswers extends Pick<Conclusion, 'tf32Difference'> {
  /** What computed them, e.g. `tfjs gpu`. */
  readonly engine: string;
  /** `[kept, classes]`. */
  readonly logits: Float32Array;
}

/** The engine's own answers on the kept patches, or those of the CPU where the engine computes in TensorFloat-32. */
async function referenceAnswers(
  engine: Engine,
  network: Network,
  state: TrainingState,
  { logits, kept }: ValidationAnswers,
): Promise<ReferenceAnswers> {
  const { classes } = network;
  const own = new Float32Array(kept.length * classes);
  kept.forEach(({ index }, i) => {
    own.set(logits.subarray(index * classes, (index + 1) * classes), i * classes);
  });
  if (engine.precision === 'float32') return { engine: `${engine.name} ${engine.device}`, logits: own };
  const { onnxEngine } = await import('../engine/onnx-engine.ts');
  const cpu = await onnxEngine(network);
  try {
    await cpu.write(state);
    const reference = await cpu.logits(patchesOf(kept));
    const [expected, got] = [softmaxRows(reference, classes), softmaxRows(own, classes)];
    const tf32Difference = got.reduce(
      (largest, value, i) => Math.max(largest, Math.abs(value - (expected[i] as number))),
      0,
    );
    return { engine: `${cpu.name} ${cpu.device}`, logits: reference, tf32Difference };
  } finally {
    await cpu.dispose();
  }
}

/** `[kept,64,64]`. */
function patchesOf(kept: ValidationAnswers['kept']): Uint8Array {
  const patches = new Uint8Array(kept.length * patchBytes);
  kept.forEach(({ patch }, i) => {
    patches.set(patch, i * patchBytes);
  });
  return patches;
}

async function writeParity(
  directory: string,
  reference: ReferenceAnswers,
  { labels, kept }: ValidationAnswers,
  epoch: number,
): Promise<void> {
  const count = kept.length;
  const keptLabels = Int32Array.from(kept, ({ index }) => labels[index] as number);
  const tensors = new Map<string, StoredTensor>([
    ['patches', { shape: [count, 64, 64], data: patchesOf(kept) }],
    ['labels', { shape: [count], data: keptLabels }],
    ['logits', { shape: [count, reference.logits.length / count], data: reference.logits }],
  ]);
  const metadata = { engine: reference.engine, epoch: String(epoch) };
  await writeFileAtomically(join(directory, runFiles.parity), encodeTensors({ tensors, metadata }));
}
