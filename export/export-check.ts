/**
 * The export check: compares a file's outputs in onnxruntime with those of the training engine, patch by
 * patch.
 */
import { TexturaError } from '../model/error.ts';
import { percent } from '../model/format.ts';
import type { ModelReport } from '../model/model-file.ts';
import { patchBytes } from '../model/patch.ts';
import { softmaxRows, topClasses } from '../model/scores.ts';
import { counted } from '../model/words.ts';
import { env, InferenceSession, runPatches } from '../node/onnxruntime.ts';
import { setsRanges } from './reduced-model.ts';
import type { ReferencePatches } from './trained-run.ts';

/** Largest allowed difference of a probability. */
const allowedDifference = 1e-4;

/**
 * The same between two runtimes that run one file of fewer bits: where they round a value to different
 * integers, later values differ too.
 */
const allowedReducedDifference = 0.05;

/** Largest allowed increase of the error of a file of fewer bits. */
const allowedErrorIncrease = 0.02;

const batchPatches = 32;
const decades = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1];

/** In the report the check is called `parity`. */
type ExportCheck = ModelReport['graphs'][number]['parity'];

/** The result, and the file's own logits `[count,C]`. */
interface VerifiedFile {
  readonly check: ExportCheck;
  readonly logits: Float32Array;
}

/** What is compared. */
interface Comparing {
  readonly reference: ReferencePatches;
  /** Of the file, for messages. */
  readonly name: string;
  /** Divides the logits before the softmax. */
  readonly temperature: number;
}

/**
 * Runs the file at `path` on all patches and compares. Errors: `parity-failed`, with the difference, if a
 * probability differs by more than allowed or a value is not finite.
 */
export async function verifyFile(path: string, comparing: Comparing): Promise<VerifiedFile> {
  const { check, logits, differences } = await compared(path, comparing, allowedDifference);
  const isVerified =
    check.probabilities.maxAbsolute <= allowedDifference && Number.isFinite(check.logits.maxAbsolute);
  if (isVerified) return { check, logits };
  const { name, reference } = comparing;
  throw new TexturaError('parity-failed', failureText(name, check, differences, reference.suspicion));
}

/**
 * The check of a file of fewer bits, whose probabilities differ more: of the patches that did not set its
 * ranges, it may not misclassify many more than float32 does. Errors: `parity-failed`, with both errors;
 * `internal` without labels.
 */
export async function verifyReducedFile(path: string, comparing: Comparing): Promise<VerifiedFile> {
  const { check, logits } = await compared(path, comparing, allowedReducedDifference);
  const { labels, count, logits: expected } = comparing.reference;
  if (labels === undefined) throw new TexturaError('internal', `${comparing.name}: no labels to check with`);
  const classes = logits.length / count;
  const checking = Array.from(labels, (label, index) => ({ label, index })).filter(
    ({ index }, _, { length }) => length === 1 || !setsRanges(index),
  );
  const errorOf = (rows: Float32Array) =>
    checking.filter(({ label, index }) => topClass(rows, index, classes) !== label).length / checking.length;
  const error = {
    patches: checking.length,
    before: errorOf(expected),
    after: errorOf(logits),
    allowed: allowedErrorIncrease,
  };
  const hasNumbers = Number.isFinite(check.logits.maxAbsolute);
  if (hasNumbers && error.after <= error.before + error.allowed)
    return { check: { ...check, error }, logits };
  const why = hasNumbers
    ? [
        'because it misclassifies too many patches:',
        `${percent(error.after)} of ${counted(error.patches, 'validation patch', 'validation patches')},`,
        `and float32 ${percent(error.before)} (allowed: ${error.allowed * 100} percentage points more)`,
      ].join(' ')
    : 'because its logits are not finite: values are beyond the range of its numbers';
  throw new TexturaError('parity-failed', `${comparing.name}: not written, ${why}; use the float32 file`);
}

/** The comparison with a tolerance, and the largest difference of a probability of each patch. */
async function compared(
  path: string,
  { reference, temperature }: Comparing,
  tolerance: number,
): Promise<VerifiedFile & { readonly differences: readonly number[] }> {
  const classes = reference.logits.length / reference.count;
  const { logits } = reference;
  const expected = { logits, probabilities: softmaxRows(logits, classes, temperature) };
  const got = await outputsOf(path, reference, classes);
  const differences = rowDifferences(got.probabilities, expected.probabilities, classes);
  const check: ExportCheck = {
    against: reference.engine,
    runtime: `onnxruntime-node ${env.versions.node} cpu`,
    patches: reference.count,
    probabilities: { maxAbsolute: largestDifference(got.probabilities, expected.probabilities) },
    logits: { maxAbsolute: largestDifference(got.logits, expected.logits) },
    argmaxAgreement: argmaxAgreement(got.logits, expected.logits, classes),
    histogram: decadeHistogram(differences),
    tolerance,
  };
  return { check, logits: got.logits, differences };
}

/** Logits and probabilities `[count,C]`. */
async function outputsOf(path: string, { patches, count }: ReferencePatches, classes: number) {
  const session = await InferenceSession.create(path);
  try {
    const logits = new Float32Array(count * classes);
    const probabilities = new Float32Array(count * classes);
    for (let start = 0; start < count; start += batchPatches) {
      const batch = patches.subarray(start * patchBytes, (start + batchPatches) * patchBytes);
      const outputs = await runPatches(session, batch, ['logits', 'probabilities']);
      logits.set(outputs.logits, start * classes);
      probabilities.set(outputs.probabilities, start * classes);
    }
    return { logits, probabilities };
  } finally {
    await session.release();
  }
}

/** Largest difference of any value; NaN if any value is NaN. */
function largestDifference(got: Float32Array, expected: Float32Array): number {
  return expected.reduce((largest, value, i) => Math.max(largest, Math.abs((got[i] as number) - value)), 0);
}

/** Largest absolute difference of each row; NaN if a value is NaN. */
function rowDifferences(got: Float32Array, expected: Float32Array, classes: number): readonly number[] {
  return Array.from({ length: expected.length / classes }, (_, row) => {
    const [start, end] = [row * classes, (row + 1) * classes];
    return largestDifference(got.subarray(start, end), expected.subarray(start, end));
  });
}

/** Share of the rows whose largest logit is the same class. */
function argmaxAgreement(got: Float32Array, expected: Float32Array, classes: number): number {
  const rows = expected.length / classes;
  let agreeing = 0;
  for (let row = 0; row < rows; row++) {
    if (topClass(got, row, classes) === topClass(expected, row, classes)) agreeing++;
  }
  return agreeing / rows;
}

/** The class with the largest of a row's logits. */
function topClass(logits: Float32Array, row: number, classes: number): number | undefined {
  return topClasses(logits.subarray(row * classes, (row + 1) * classes), 1)[0];
}

/** The number of differences in each decade. */
function decadeHistogram(differences: readonly number[]): Record<string, number> {
  const labels = [...decades.map((decade) => `<${decade.toExponential()}`), `>=${decades.at(-1)}`];
  const counts = Object.fromEntries(labels.map((label) => [label, 0]));
  for (const difference of differences) {
    const decade = decades.findIndex((bound) => difference < bound);
    const label = labels.at(decade) ?? '';
    counts[label] = (counts[label] ?? 0) + 1;
  }
  return counts;
}

function failureText(
  name: string,
  check: ExportCheck,
  differences: readonly number[],
  suspicion: string | undefined,
): string {
  const wrong = differences.filter((difference) => !(difference <= allowedDifference)).length;
  return [
    `${name}: not written, because its outputs differ from those of ${check.against}:`,
    `expected probabilities within ${allowedDifference}, got a difference of ${check.probabilities.maxAbsolute}`,
    `(${wrong} of ${counted(check.patches, 'patch', 'patches')} beyond it; the top class agrees in ${agreementText(check.argmaxAgreement)})`,
    ...(suspicion === undefined ? [] : [`\n${suspicion}`]),
  ].join(' ');
}

/** `99.6 %`; rounded down, so that `100 %` means all. */
export function agreementText(share: number): string {
  return share === 1 ? '100 %' : `${Math.floor(share * 1000) / 10} %`;
}
