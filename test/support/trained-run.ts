/**
 * Run directories as the trainer leaves them, for tests of what comes after training: seeded values, with the
 * logits of validation patches from the reference loops in float64 and so independent of the exporter and of
 * onnxruntime.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parameterSpecs } from '../../model/description.ts';
import { knownScoreToTensors } from '../../model/known-score.ts';
import { type Network, type NetworkName, networkOf } from '../../model/network.ts';
import { type Parameters, parameter } from '../../model/parameters.ts';
import { patchBytes } from '../../model/patch.ts';
import { type Run, runFiles, runSchema } from '../../model/run-file.ts';
import { encodeTensors } from '../../model/safetensors.ts';
import { trainingConfigSchema } from '../../model/training-config.ts';
import { type ValidationLogits, validationLogitsFile } from '../../model/validation-logits.ts';
import { randomParameters, randomPatches } from './random-network.ts';
import { referenceLogits } from './reference-network.ts';

export interface TrainedRunOptions {
  readonly variant?: NetworkName;
  /** Factor on the filters of its convolutions. */
  readonly width?: number;
  readonly labels?: readonly string[];
  readonly status?: Run['status'];
  readonly endedAt?: string;
  readonly seed?: number;
  readonly patchPx?: number;
  /** Of the best epoch. */
  readonly top1err?: number;
  readonly balancedTop1err?: number;
  /** Where no epoch was complete. */
  readonly best?: 'none';
  /** Instead of random ones. */
  readonly parameters?: Parameters;
  /** Validation patches `[n,64,64]` instead of four random ones. */
  readonly patches?: Uint8Array;
  /** Writes the logits of a validation, which the export fits temperatures to. */
  readonly validation?: ValidationLogits;
}

export const sixTextures = ['bark', 'brick', 'glass', 'knit', 'marble', 'plaid'] as const;

/** Writes the files of a run into `directory`. */
export async function writeTrainedRun(directory: string, options: TrainedRunOptions = {}): Promise<void> {
  const {
    variant = 'lab-baseline',
    width = 1,
    labels = sixTextures,
    seed = 7,
    patches = randomPatches(4, seed),
  } = options;
  const network = networkOf(variant, labels.length, { width });
  const { parameters = randomParameters(network, seed) } = options;
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, runFiles.run), JSON.stringify(runRecord(options, labels)));
  await writeFile(join(directory, runFiles.model), modelFile(network, parameters));
  const logits = Float32Array.from(referenceLogits(network, parameters, patches));
  const count = patches.length / patchBytes;
  const tensors = new Map([
    ['patches', { shape: [count, 64, 64], data: patches }],
    ['labels', { shape: [count], data: Int32Array.from({ length: count }, (_, i) => i % labels.length) }],
    ['logits', { shape: [count, labels.length], data: logits }],
  ] as const);
  const metadata = { engine: 'loops in float64', epoch: '9' };
  await writeFile(
    join(directory, runFiles.parity),
    encodeTensors({ tensors: new Map([...tensors]), metadata }),
  );
  const { validation } = options;
  if (validation !== undefined)
    await writeFile(join(directory, runFiles.validationLogits), validationLogitsFile(validation, {}));
}

/** Of 20 photographs with 3 patches each, most of them right, from a network that is too sure of itself. */
export function overconfidentValidation(classes: number): ValidationLogits {
  const photographs = Int32Array.from({ length: 60 }, (_, row) => Math.floor(row / 3));
  const labels = photographs.map((photograph) => photograph % classes);
  const logits = Float32Array.from({ length: 60 * classes }, (_, at) => {
    const [row, c] = [Math.floor(at / classes), at % classes];
    const label = labels[row] as number;
    // Each fourth patch and each tenth photograph is predicted as the next class.
    const isWrong = row % 4 === 0 || Math.floor(row / 3) % 10 === 0;
    return c === (isWrong ? (label + 1) % classes : label) ? 7 + (row % 5) : 0.1 * c;
  });
  return { logits, labels, photographs, classes };
}

/** The bytes of model.safetensors. */
export function modelFile(network: Network, parameters: Parameters): Uint8Array {
  const tensors = parameterSpecs(network).map(
    ({ name, shape }) => [name, { shape, data: parameter(parameters, name) }] as const,
  );
  return encodeTensors({ tensors: new Map(tensors), metadata: {} });
}

function runRecord(
  {
    variant = 'lab-baseline',
    status = 'finished',
    endedAt = '2026-02-03T05:06:07Z',
    ...options
  }: TrainedRunOptions,
  labels: readonly string[],
): Run {
  const { seed = 7, width = 1, patchPx = 64, top1err = 0.25 } = options;
  const start = '2026-02-03T04:05:06Z';
  return runSchema.parse({
    textura: '0.1.0',
    config: trainingConfigSchema.parse({ variant, width, seed, patchPx, data: 'photos/of tiles' }),
    labels,
    data: {
      source: 'photos/of tiles',
      fingerprint: '0123456789abcdef'.repeat(4),
      trainImages: 48,
      validationImages: 12,
      skippedFiles: 0,
      meanGrey: 120.5,
    },
    status,
    stretches: [
      {
        engine: 'tfjs',
        device: 'cpu',
        why: 'a test',
        startedAt: start,
        fromEpoch: 0,
        versions: { node: '20.20.2' },
      },
    ],
    startedAt: start,
    ...(status === 'running' ? {} : { endedAt }),
    ...(options.best === undefined
      ? {
          best: {
            epoch: 9,
            top1err,
            top5err: 0.0625,
            objective: 0.875,
            balancedTop1err: options.balancedTop1err,
          },
        }
      : {}),
  });
}

/** Adds a known score to the run of a texture-net with `width` 0.1 and six classes. */
export async function writeKnownScore(directory: string): Promise<void> {
  const [classes, features] = [sixTextures.length, 30];
  const kernel = new Float32Array(classes * features);
  const bias = new Float32Array(classes);
  const thresholds = { photograph: 0.5, patch: 0.25 };
  const known = {
    classes,
    features,
    classKernel: kernel,
    classBias: bias,
    spreadKernel: kernel,
    spreadBias: bias,
  };
  const bytes = encodeTensors(knownScoreToTensors({ ...known, thresholds }));
  await writeFile(join(directory, runFiles.known), bytes);
}
