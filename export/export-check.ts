/**
 * The export check: compares a file's outputs in onnxruntime with those of the training engine, patch by
 * patch.
 */
import { TexturaError } from '../model/error.ts';
import type { ModelReport } from '../model/model-file.ts';
import { patchBytes } from '../model/patch.ts';
import { softmaxRows, topClasses } from '../model/scores.ts';
import { counted } from '../model/words.ts';
import { env, InferenceSession, runPatches } from '../node/onnxruntime.ts';
import type { ReferencePatches } from './trained-run.ts';

/** Largest allowed difference of a probability. */
const allowedDifference = 1e-4;

const batchPatches = 32;
const decades = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4];

/** In the report the check is called `parity`. */
type ExportCheck = ModelReport['graphs'][number]['parity'];

/**
 * Runs the file at `path`, which divides its logits by `temperature` before the softmax, on all patches and
 * compares; messages call it `name`. Errors: `parity-failed`, with the difference, if a probability differs by
 * more than allowed or a value is not finite.
 */
export async function verifyFile(
  path: string,
  patches: ReferencePatches,
  name: string,
  temperature: number,
): Promise<ExportCheck> {
  const classes = patches.logits.length / patches.count;
  const { logits } = patches;
  const expected = { logits, probabilities: softmaxRows(logits, classes, temperature) };
  const got = await outputsOf(path, patches, classes);
  const differences = rowDifferences(got.probabilities, expected.probabilities, classes);
  const check: ExportCheck = {
    against: patches.engine,
    runtime: `onnxruntime-node ${env.versions.node} cpu`,
    patches: patches.count,
    probabilities: { maxAbsolute: largestDifference(got.probabilities, expected.probabilities) },
    logits: { maxAbsolute: largestDifference(got.logits, expected.logits) },
    argmaxAgreement: argmaxAgreement(got.logits, expected.logits, classes),
    histogram: decadeHistogram(differences),
    tolerance: allowedDifference,
  };
  const isVerified =
    check.probabilities.maxAbsolute <= allowedDifference && Number.isFinite(check.logits.maxAbsolute);
  if (!isVerified)
    throw new TexturaError('parity-failed', failureText(name, check, differences, patches.suspicion));
  return check;
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
  for (let start = 0; start < expected.length; start += classes) {
    const [a] = topClasses(got.subarray(start, start + classes), 1);
    const [b] = topClasses(expected.subarray(start, start + classes), 1);
    if (a === b) agreeing++;
  }
  return agreeing / rows;
}

/** The number of differences in each decade. */
function decadeHistogram(differences: readonly number[]): Record<string, number> {
  const labels = [...decades.map((decade) => `<${decade.toExponential()}`), `>=${allowedDifference}`];
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
