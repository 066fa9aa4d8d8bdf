/** The input of the report: the files of a run directory, read and checked once. */
import { basename, join, relative, resolve, sep } from 'node:path';
import { TexturaError } from '../model/error.ts';
import { type MetricsRow, metricsFromCsv, withBalancedErrors } from '../model/metrics.ts';
import { type Run, runFiles } from '../model/run-file.ts';
import { decodeTensors, type StoredTensor } from '../model/safetensors.ts';
import { type ValidationLogits, validationLogitsFrom } from '../model/validation-logits.ts';
import { isInside } from '../node/folder-walk.ts';
import { readIfThere, readTextIfThere } from '../node/optional-file.ts';
import { readRun } from '../node/records.ts';
import { type Confusion, confusionCsvFile, readConfusion } from './confusion.ts';
import { embeddedPicture } from './pictures.ts';
import { samplesFile } from './samples.ts';

/** The results of a run. */
export interface RunResults {
  /** The directory's own name. */
  readonly name: string;
  /** The directory for use in a command: relative to the working directory if it is below it. */
  readonly path: string;
  readonly run: Run;
  /** Empty if no epoch was finished. */
  readonly metrics: readonly MetricsRow[];
  readonly confusion: Confusion | undefined;
  /** `[filters, 1, kernelPx, kernelPx]` of the best model; undefined if there is none. */
  readonly firstKernel: StoredTensor | undefined;
}

export interface RunRecord extends RunResults {
  /** samples.png as a data URL. */
  readonly samples: string | undefined;
  /** Undefined without validation, and in runs of earlier versions. */
  readonly validationLogits: ValidationLogits | undefined;
}

/**
 * Errors: `file-unreadable` if run.json is missing; `file-damaged`, naming the file and what is wrong in it.
 */
export async function readRunDirectory(directory: string): Promise<RunRecord> {
  const results = await readRunResults(directory);
  const samples = await readIfThere(join(directory, samplesFile));
  const path = join(directory, runFiles.validationLogits);
  const logits = await readIfThere(path);
  const validationLogits = logits && validationLogitsFrom(logits, results.run.labels.length, path);
  return { ...results, samples: samples && (await embeddedPicture(samples)), validationLogits };
}

/** Errors: as of `readRunDirectory`. */
export async function readRunResults(directory: string): Promise<RunResults> {
  const run = await readRun(directory);
  const confusion = await readConfusion(directory);
  if (confusion !== undefined && confusion.labels.join('\n') !== run.labels.join('\n')) {
    const where = join(directory, confusionCsvFile);
    throw new TexturaError('file-damaged', `${where}: its classes differ from those of ${runFiles.run}`);
  }
  return {
    name: basename(resolve(directory)),
    path: commandPath(directory),
    run,
    metrics: await readMetrics(directory),
    confusion,
    firstKernel: await readFirstKernel(join(directory, runFiles.model)),
  };
}

/** The rows of metrics.csv, with balanced errors if the run has them. */
async function readMetrics(directory: string): Promise<readonly MetricsRow[]> {
  const path = join(directory, runFiles.metrics);
  const metrics = await readTextIfThere(path);
  if (metrics === undefined) return [];
  const rows = metricsFromCsv(metrics, path);
  const balancedPath = join(directory, runFiles.balancedErrors);
  const balanced = await readTextIfThere(balancedPath);
  return balanced === undefined ? rows : withBalancedErrors(rows, balanced, balancedPath);
}

async function readFirstKernel(path: string): Promise<StoredTensor | undefined> {
  const file = await readIfThere(path);
  if (file === undefined) return undefined;
  const kernel = decodeTensors(file, path).tensors.get('conv1.kernel');
  if (kernel === undefined) throw new TexturaError('file-damaged', `${path}: conv1.kernel is missing`);
  return kernel;
}

/** The directory for use in a command: relative to the working directory if it is below it. */
export function commandPath(directory: string): string {
  const [here, path] = [process.cwd(), resolve(directory)];
  const isBelow = path !== here && isInside(path, here);
  return (isBelow ? relative(here, path) : directory).replaceAll(sep, '/');
}
