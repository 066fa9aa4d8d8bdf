/**
 * Study directories for tests of what is made from them. Nothing in them was measured: errors are a
 * photograph's invented difficulty, what the network adds to it, and seeded noise.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parameterSpecs } from '../../model/description.ts';
import { metricsToCsv } from '../../model/metrics.ts';
import { type NetworkName, networkOf } from '../../model/network.ts';
import { initialParameters } from '../../model/parameters.ts';
import { randomStream } from '../../model/random.ts';
import { type Run, runFiles, runSchema } from '../../model/run-file.ts';
import { encodeTensors } from '../../model/safetensors.ts';
import { type Study, type StudyArm, studyFiles, studySchema } from '../../model/study-file.ts';
import { trainingConfigSchema } from '../../model/training-config.ts';
import { type ValidatedImage, validationToCsv } from '../../model/validation-file.ts';
import { writeConfusion } from '../../report/confusion.ts';
import type { StudiedNetwork } from '../../study/families.ts';
import { studyRunConfig, studyRuns } from '../../study/study-directory.ts';
import { inventedMetrics, inventedRun } from './invented-run.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** How a run of an invented study ends; `diverged` leaves no model. */
export type InventedEnd =
  | 'finished'
  | 'early'
  | 'diverged'
  | 'diverged late'
  | 'failed'
  | 'missing'
  | 'stopped';

export interface InventedStudy {
  readonly labels?: readonly string[];
  readonly photographsAClass?: number;
  readonly seeds?: readonly number[];
  /** Factor on the noise of errors, 1 by default. */
  readonly noise?: number;
  /** The network whose parts are removed, by default the reference; it comes first of itself. */
  readonly network?: StudiedNetwork;
  /** What each other network adds to a photograph's error. */
  readonly added?: Readonly<Partial<Record<NetworkName, number>>>;
  readonly controls?: readonly StudyArm[];
  /** By run name; finished where nothing is said. */
  readonly ends?: Readonly<Record<string, InventedEnd>>;
}

const patches = 15;
const epochs = 9;

/** Writes `STUDY/study.json` and its runs into a new temporary folder, and gives the study's directory. */
export async function inventStudy({
  labels = ['bark', 'brick', 'glass', 'knit', 'marble', 'plaid', 'water'],
  photographsAClass = 6,
  seeds = [1, 2, 3],
  noise = 1,
  network = 'reference',
  added = { 'no-relu3': 0, 'no-pool2': 0.3 },
  controls = [],
  ends = {},
}: InventedStudy = {}): Promise<string> {
  const directory = join(await temporaryFolder(), 'ablation');
  const variants = [network, ...(Object.keys(added) as NetworkName[])];
  const study = inventedStudy(variants, controls, seeds, ends);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, studyFiles.study), JSON.stringify(study));
  for (const run of studyRuns(directory, study)) {
    const end = ends[run.name] ?? 'finished';
    if (end === 'missing' || end === 'failed') continue;
    await mkdir(run.directory, { recursive: true });
    const config = studyRunConfig(study, run);
    const worse = run.arm.controls === undefined ? (added[run.arm.variant] ?? 0) : 0.01;
    await writeRun(
      run.directory,
      config,
      labels,
      end,
      photographs(run.name, run.seed, labels, photographsAClass, worse, noise),
    );
  }
  return directory;
}

function inventedStudy(
  variants: readonly NetworkName[],
  controls: readonly StudyArm[],
  seeds: readonly number[],
  ends: Readonly<Record<string, InventedEnd>>,
): Study {
  const {
    variant: _variant,
    width: _width,
    seed: _seed,
    ...config
  } = trainingConfigSchema.parse({
    epochs,
    data: 'photos/tiles',
    patience: 4,
  });
  const plain = variants.map((name) => ({ name, variant: name, width: 1 }));
  const failed = Object.entries(ends).filter(([, end]) => end === 'failed');
  return studySchema.parse({
    textura: '0.1.0',
    recipe: 'default',
    config,
    arms: [...plain, ...controls],
    seeds,
    failures: Object.fromEntries(
      failed.map(([name]) => [name, { code: 'internal', message: 'out of luck' }]),
    ),
    startedAt: '2026-03-07T08:09:10Z',
  });
}

/** Each seed holds out other photographs of a pool five times as large. */
function photographs(
  run: string,
  seed: number,
  labels: readonly string[],
  aClass: number,
  added: number,
  factor: number,
): readonly ValidatedImage[] {
  const noise = randomStream(7, 'invented errors', run);
  const luck = 0.01 * factor * noise.normal();
  return labels.flatMap((label, c) =>
    Array.from({ length: aClass }, (_, i): ValidatedImage => {
      const image = `${label}/${(i * 5 + seed * 3) % (5 * aClass)}.jpg`;
      const difficulty = randomStream(8, 'invented difficulty', image).between(0, 0.7);
      const share = difficulty + added * (c % 2 === 0 ? 1.5 : 0.5) + luck + 0.08 * factor * noise.normal();
      const wrong = Math.round(patches * Math.min(1, Math.max(0, share)));
      const other = labels[(c + 1) % labels.length] as string;
      return {
        image,
        label,
        patches,
        wrong,
        top5_wrong: Math.floor(wrong / 4),
        photograph_prediction: wrong > patches / 2 ? other : label,
      };
    }),
  );
}

async function writeRun(
  directory: string,
  config: Run['config'],
  labels: readonly string[],
  end: InventedEnd,
  images: readonly ValidatedImage[],
): Promise<void> {
  const diverged = end === 'diverged' ? 1 : end === 'diverged late' ? 5 : undefined;
  const last = end === 'early' || end === 'stopped' ? 6 : epochs;
  const options = { labels, epochs: last, ...(diverged !== undefined && { divergedAtEpoch: diverged }) };
  const invented = inventedRun({ ...options, config: { ...config } });
  const top1err = images.reduce((sum, { wrong }) => sum + wrong / patches, 0) / images.length;
  const run = runSchema.parse({
    ...invented,
    config,
    status: diverged !== undefined ? 'diverged' : end === 'stopped' ? 'stopped' : 'finished',
    peakMemoryBytes: 900 * 2 ** 20,
    ...(invented.best && { best: { ...invented.best, top1err } }),
  });
  const scale = top1err / (invented.best?.top1err ?? top1err);
  const metrics = inventedMetrics(run, options).map((row) => ({
    ...row,
    objective: row.objective * scale,
    top1err: Math.min(1, row.top1err * scale),
    top5err: Math.min(1, row.top5err * scale),
  }));
  await writeFile(join(directory, runFiles.run), JSON.stringify(run));
  await writeFile(join(directory, runFiles.metrics), metricsToCsv(metrics));
  await writeFile(join(directory, runFiles.report), '<!doctype html><title>invented</title>');
  if (run.best === undefined || end === 'stopped') return;
  await writeFile(join(directory, runFiles.validation), validationToCsv(images));
  await writeConfusion(directory, labels, countsOf(images, labels));
  await writeFile(join(directory, runFiles.model), modelOf(run));
}

/** Wrong patches go to the next class. */
function countsOf(images: readonly ValidatedImage[], labels: readonly string[]): number[][] {
  const counts = labels.map(() => labels.map(() => 0));
  for (const { label, wrong } of images) {
    const c = labels.indexOf(label);
    const row = counts[c] as number[];
    const next = (c + 1) % labels.length;
    row[c] = (row[c] ?? 0) + patches - wrong;
    row[next] = (row[next] ?? 0) + wrong;
  }
  return counts;
}

/** Its first convolution only, which is all that a report reads. */
function modelOf({ config, labels }: Run): Uint8Array {
  const network = networkOf(config.variant, labels.length, { width: config.width });
  const first = { ...network, layers: network.layers.slice(0, 2) };
  const values = initialParameters(first, config.seed);
  const tensors = parameterSpecs(first).map(
    ({ name, shape }) => [name, { shape, data: values.get(name) ?? new Float32Array(0) }] as const,
  );
  return encodeTensors({ tensors: new Map(tensors), metadata: {} });
}
