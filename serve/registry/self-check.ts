/** The self-check of an exported model: patches with their expected probabilities, stored in its report. */
import { TexturaError } from '../../model/error.ts';
import type { ModelReport } from '../../model/model-file.ts';
import { patchBytes } from '../../model/patch.ts';
import { softmaxRows } from '../../model/scores.ts';

export interface SelfCheck {
  /** `[count,64,64]`. */
  readonly patches: Uint8Array;
  /** `[count,C]`. */
  readonly probabilities: Float32Array;
  /** Largest allowed difference of a probability. */
  readonly tolerance: number;
}

/** Errors: `file-damaged` if the patches or probabilities have the wrong size. */
export function selfCheckOf({ selfCheck, labels, graphs }: ModelReport, name: string): SelfCheck {
  // Not a Buffer: its slices are views, and transferring one would transfer all of its memory.
  const patches = new Uint8Array(Buffer.concat(selfCheck.map(({ patch }) => Buffer.from(patch, 'base64'))));
  const probabilities = Float32Array.from(selfCheck.flatMap((check) => check.probabilities));
  const count = selfCheck.length;
  if (
    count === 0 ||
    patches.length !== count * patchBytes ||
    probabilities.length !== count * labels.length
  ) {
    throw new TexturaError('file-damaged', `${name}: its self-check is incomplete`);
  }
  return { patches, probabilities, tolerance: Math.min(...graphs.map(({ parity }) => parity.tolerance)) };
}

/**
 * Compares logits `[count,C]` of the check's patches and returns the largest difference of a probability.
 * Errors: `parity-failed` with the difference; NaN fails.
 */
export function compareWithCheck(logits: Float32Array, check: SelfCheck, where: string): number {
  const classes = check.probabilities.length / (check.patches.length / patchBytes);
  const got = softmaxRows(logits, classes);
  let largest = logits.length === check.probabilities.length ? 0 : Number.NaN;
  got.forEach((value, i) => {
    // Math.max keeps NaN.
    largest = Math.max(largest, Math.abs(value - (check.probabilities[i] as number)));
  });
  if (largest <= check.tolerance) return largest;
  throw new TexturaError(
    'parity-failed',
    `${where}: self-check failed: probabilities differ from the report by ${largest} (allowed ${check.tolerance})`,
  );
}
