/**
 * Run directories for tests of what is made from them. Nothing in them was measured: metrics and confusions
 * come from formulas and seeded noise, so that figures and pages have plausible shapes to draw.
 */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parameterSpecs } from '../../model/description.ts';
import { type MetricsRow, metricsToCsv } from '../../model/metrics.ts';
import { networkOf } from '../../model/network.ts';
import { initialParameters } from '../../model/parameters.ts';
import { randomStream } from '../../model/random.ts';
import { type Run, runFiles, runSchema } from '../../model/run-file.ts';
import { encodeTensors } from '../../model/safetensors.ts';
import { trainingConfigSchema } from '../../model/training-config.ts';
import { writeConfusion } from '../../report/confusion.ts';

export interface InventedRun {
  readonly labels?: readonly string[];
  readonly epochs?: number;
  readonly status?: Run['status'];
  readonly divergedAtEpoch?: number;
  readonly validated?: boolean;
  readonly config?: Readonly<Record<string, unknown>>;
}

const fewLabels = ['bark', 'brick', 'glass', 'knit', 'marble', 'plaid', 'water'];

/** A run directory of the small `lab-baseline` network in a new temporary folder. */
export async function inventRun(options: InventedRun = {}): Promise<{ directory: string; run: Run }> {
  const directory = join(await mkdtemp(join(tmpdir(), 'textura-invented-')), 'tiles');
  await mkdir(directory);
  const run = inventedRun(options);
  const metrics = inventedMetrics(run, options);
  await writeFile(join(directory, runFiles.run), JSON.stringify(run, undefined, 2));
  await writeFile(join(directory, runFiles.metrics), metricsToCsv(metrics));
  if (run.best !== undefined) {
    await writeFile(join(directory, runFiles.model), inventedModel(run));
    if (options.validated !== false)
      await writeConfusion(directory, run.labels, inventedCounts(run.labels.length));
  }
  return { directory, run };
}

export function inventedRun({
  labels = fewLabels,
  epochs = 12,
  status = 'finished',
  divergedAtEpoch,
  validated = true,
  config = {},
}: InventedRun): Run {
  const kept = divergedAtEpoch === undefined ? Math.ceil(epochs * 0.8) : divergedAtEpoch - 1;
  const scores = inventedScores(kept, validated ? 'val' : 'train', labels.length);
  return runSchema.parse({
    textura: '0.1.0',
    config: trainingConfigSchema.parse({ variant: 'lab-baseline', epochs, data: 'photos/tiles', ...config }),
    labels,
    data: {
      source: 'photos/tiles',
      fingerprint: 'c0ffee5e'.repeat(8),
      trainImages: 614,
      validationImages: validated ? 153 : 0,
      skippedFiles: 3,
      meanGrey: 120.5,
    },
    status,
    stretches: [
      {
        engine: 'onnx',
        device: 'cpu',
        why: 'TensorFlow is not set up',
        startedAt: '2026-03-07T08:09:10Z',
        fromEpoch: 0,
        versions: { node: '20.20.2', 'onnxruntime-node': '1.30.0' },
      },
    ],
    startedAt: '2026-03-07T08:09:10Z',
    endedAt: '2026-03-07T09:26:17Z',
    ...(kept > 0 && { best: { epoch: kept, ...scores } }),
    ...(divergedAtEpoch !== undefined && { divergedAtEpoch }),
  });
}

export function inventedMetrics(
  run: Run,
  { validated = true, epochs = 12 }: InventedRun,
): readonly MetricsRow[] {
  const last = run.divergedAtEpoch ?? epochs;
  return Array.from({ length: last }, (_, i) => i + 1).flatMap((epoch) =>
    (validated ? (['train', 'val'] as const) : (['train'] as const)).map((split): MetricsRow => {
      const scores = inventedScores(epoch, split, run.labels.length);
      const noise = randomStream(4, 'invented speed', epoch, split);
      return {
        epoch,
        split,
        ...(epoch === run.divergedAtEpoch ? { ...scores, objective: Number.NaN } : scores),
        images_per_second: noise.between(165, 195) * (split === 'val' ? 3 : 1),
        learning_rate: 0.005 * (1 + Math.cos((Math.PI * epoch) / epochs)) + 1e-6,
        seconds: noise.between(60, 75),
      };
    }),
  );
}

/** Scores that fall from guessing towards a floor, lower on training patches. */
function inventedScores(epoch: number, split: 'train' | 'val', classes: number) {
  const noise = randomStream(3, 'invented scores', epoch, split);
  const floor = split === 'val' ? 0.24 : 0.11;
  const left = floor + (1 - floor) * Math.exp(-epoch / 4.5) * noise.between(0.93, 1.07);
  const top1err = (1 - 1 / classes) * left;
  return {
    objective: Math.log(classes) * left,
    top1err,
    top5err: Math.max(0, 1 - 5 / classes) * left ** 2.2,
  };
}

function inventedCounts(classes: number): number[][] {
  const random = randomStream(5, 'invented confusion', classes);
  return Array.from({ length: classes }, (_, t) => {
    const difficulty = random.uniform() ** 2;
    const neighbour = (t * 7 + 3) % classes;
    return Array.from({ length: classes }, (_, n) => {
      if (n === t) return random.integer(50, 90);
      return n === neighbour
        ? Math.round(difficulty * 60)
        : Math.floor(difficulty * random.uniform() ** 4 * 9);
    });
  });
}

function inventedModel(run: Run): Uint8Array {
  const network = networkOf(run.config.variant, run.labels.length);
  const values = initialParameters(network, 6);
  const tensors = parameterSpecs(network).map(
    ({ name, shape }) => [name, { shape, data: values.get(name) ?? new Float32Array(0) }] as const,
  );
  return encodeTensors({ tensors: new Map(tensors), metadata: {} });
}
