/** The proof of an exported file: onnxruntime's answers beside the training engine's, patch by patch. */

import { TexturaError } from '../model/error.ts';
import { graphNames, type ModelReport } from '../model/model-file.ts';
import { inputPx } from '../model/network.ts';
import { patchBytes } from '../model/patch.ts';
import { softmaxRows, topClasses } from '../model/scores.ts';
import { counted } from '../model/words.ts';
import { env, InferenceSession, Tensor } from '../node/onnxruntime.ts';
import type { ParityPatches } from './run-directory.ts';

/** Largest difference in a probability that an export may have. */
export const parityTolerance = 1e-4;

/** Values smaller than this count as this large in a relative difference: of rounding errors alone it would say nothing. */
const relativeFloor = 1e-6;
const batchPatches = 32;
const decades = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4];

export type Parity = ModelReport['graphs'][number]['parity'];

interface Outputs {
  /** `[n,C]`. */
  readonly logits: Float32Array;
  /** `[n,C]`. */
  readonly probabilities: Float32Array;
}

/**
 * Runs the file at `path` on all patches and compares. `name` stands for it in messages. Errors: `parity-failed` for a difference
 * in probability beyond the tolerance or a value that is not finite, saying how far off the file is.
 */
export async function proveParity(path: string, patches: ParityPatches, name: string): Promise<Parity> {
  const classes = patches.logits.length / patches.count;
  const expected = { logits: patches.logits, probabilities: softmaxRows(patches.logits, classes) };
  const got = await outputsOf(path, patches, classes);
  const differences = rowDifferences(got.probabilities, expected.probabilities, classes);
  const parity: Parity = {
    against: patches.engine,
    runtime: `onnxruntime-node ${env.versions.node} cpu`,
    patches: patches.count,
    probabilities: largestDifference(got.probabilities, expected.probabilities),
    logits: largestDifference(got.logits, expected.logits),
    argmaxAgreement: argmaxAgreement(got.logits, expected.logits, classes),
    histogram: decadeHistogram(differences),
    tolerance: parityTolerance,
  };
  const isProven =
    parity.probabilities.maxAbsolute <= parityTolerance && Number.isFinite(parity.logits.maxAbsolute);
  if (!isProven)
    throw new TexturaError('parity-failed', failureText(name, parity, differences, patches.suspicion));
  return parity;
}

async function outputsOf(path: string, { patches, count }: ParityPatches, classes: number): Promise<Outputs> {
  const session = await InferenceSession.create(path);
  try {
    const logits = new Float32Array(count * classes);
    const probabilities = new Float32Array(count * classes);
    for (let start = 0; start < count; start += batchPatches) {
      const rows = Math.min(batchPatches, count - start);
      const image = new Float32Array(patches.subarray(start * patchBytes, (start + rows) * patchBytes));
      const results = await session.run({
        [graphNames.image]: new Tensor('float32', image, [rows, 1, inputPx, inputPx]),
      });
      logits.set(results[graphNames.logits]?.data as Float32Array, start * classes);
      probabilities.set(results[graphNames.probabilities]?.data as Float32Array, start * classes);
    }
    return { logits, probabilities };
  } finally {
    await session.release();
  }
}

/** Largest differences of any value; NaN where a value of either side is NaN. */
function largestDifference(got: Float32Array, expected: Float32Array) {
  let maxAbsolute = 0;
  let maxRelative = 0;
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [got[i] as number, expected[i] as number];
    const absolute = Math.abs(a - b);
    maxAbsolute = Math.max(maxAbsolute, absolute);
    maxRelative = Math.max(maxRelative, absolute / Math.max(Math.abs(a), Math.abs(b), relativeFloor));
  }
  return { maxAbsolute, maxRelative };
}

/** Largest absolute difference of each row; NaN where a value is NaN. */
function rowDifferences(got: Float32Array, expected: Float32Array, classes: number): readonly number[] {
  return Array.from({ length: expected.length / classes }, (_, row) => {
    const [start, end] = [row * classes, (row + 1) * classes];
    return largestDifference(got.subarray(start, end), expected.subarray(start, end)).maxAbsolute;
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

/** How many differences lie below each decade and not below the one before. */
function decadeHistogram(differences: readonly number[]): Record<string, number> {
  const labels = [...decades.map((decade) => `<${decade.toExponential()}`), `>=${parityTolerance}`];
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
  parity: Parity,
  differences: readonly number[],
  suspicion: string | undefined,
): string {
  const wrong = differences.filter((difference) => !(difference <= parityTolerance)).length;
  return [
    `${name}: the file does not compute what ${parity.against} computed, so it was not written:`,
    `expected probabilities within ${parityTolerance}, got a difference of ${parity.probabilities.maxAbsolute}`,
    `(${wrong} of ${counted(parity.patches, 'patch', 'patches')} beyond it; the top class agrees in ${percent(parity.argmaxAgreement)})`,
    ...(suspicion === undefined ? [] : [`\n${suspicion}`]),
  ].join(' ');
}

/** A share for people: `99.6 %`, and 100 % only where it is whole. */
export function percent(share: number): string {
  return share === 1 ? '100 %' : `${Math.floor(share * 1000) / 10} %`;
}
