/** A model's own check: patches with the probabilities that they must give, stored with the export. */
import { TexturaError } from '../../model/error.ts';
import type { ModelReport } from '../../model/model-file.ts';
import { patchBytes } from '../../model/patch.ts';
import { softmaxRows } from '../../model/scores.ts';

export interface SelfCheck {
  /** `[count,64,64]`. */
  readonly patches: Uint8Array;
  /** `[count,C]`. */
  readonly probabilities: Float32Array;
  /** Largest difference in a probability that passes. */
  readonly tolerance: number;
}

/** Errors: `file-damaged` where the patches or probabilities have another size. */
export function selfCheckOf({ selfCheck, labels, graphs }: ModelReport, name: string): SelfCheck {
  // Not a Buffer, whose slices are views and would be given away whole.
  const patches = new Uint8Array(Buffer.concat(selfCheck.map(({ patch }) => Buffer.from(patch, 'base64'))));
  const probabilities = Float32Array.from(selfCheck.flatMap((check) => check.probabilities));
  const count = selfCheck.length;
  if (
    count === 0 ||
    patches.length !== count * patchBytes ||
    probabilities.length !== count * labels.length
  ) {
    throw new TexturaError('file-damaged', `${name}: its report's self-check is not whole`);
  }
  return { patches, probabilities, tolerance: Math.min(...graphs.map(({ parity }) => parity.tolerance)) };
}

/**
 * Compares logits `[count,C]` of the check's patches. Gives the largest difference of a probability.
 * Errors: `parity-failed` with the numbers; a value that is not finite fails.
 */
export function compareWithCheck(logits: Float32Array, check: SelfCheck, where: string): number {
  const classes = check.probabilities.length / (check.patches.length / patchBytes);
  const got = softmaxRows(logits, classes);
  let largest = logits.length === check.probabilities.length ? 0 : Number.NaN;
  got.forEach((value, i) => {
    // Not Math.max with a comparison before it: NaN must stay.
    largest = Math.max(largest, Math.abs(value - (check.probabilities[i] as number)));
  });
  if (largest <= check.tolerance) return largest;
  throw new TexturaError(
    'parity-failed',
    `${where}: expected the probabilities of its report within ${check.tolerance}, got a difference of ${largest}`,
  );
}
