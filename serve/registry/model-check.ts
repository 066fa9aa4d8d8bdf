/** Compares a model's files, and the outputs of a session, with its report. */
import { TexturaError } from '../../model/error.ts';
import type { ModelReport } from '../../model/model-file.ts';
import { patchBytes } from '../../model/patch.ts';
import { softmaxRows } from '../../model/scores.ts';
import { largestDifference, type ModelCheck } from '../../model/self-check.ts';

/** Errors: `file-damaged` if there is no patch, or the patches or probabilities have the wrong size. */
export function modelCheckOf({ selfCheck, labels, graphs }: ModelReport, name: string): ModelCheck {
  const isComplete = selfCheck.every(
    ({ patch, probabilities }) =>
      Buffer.byteLength(patch, 'base64') === patchBytes && probabilities.length === labels.length,
  );
  if (selfCheck.length === 0 || !isComplete)
    throw new TexturaError('file-damaged', `${name}: its self-check is incomplete`);
  return { selfCheck, tolerance: Math.min(...graphs.map(({ parity }) => parity.tolerance)) };
}

/** Compares the SHA-256 of a file with that in its report. Errors: `file-damaged`. */
export function requireReportedHash(sha256: string, reported: string | undefined, file: string): void {
  if (sha256 !== reported)
    throw new TexturaError('file-damaged', `${file}: its SHA-256 is not the one in its report`);
}

/** Compares logits `[count,C]` of the check's patches. Errors: `parity-failed` with the difference. */
export function compareWithCheck(logits: Float32Array, check: ModelCheck, where: string): void {
  const { selfCheck, tolerance } = check;
  const difference = largestDifference(
    selfCheck,
    softmaxRows(logits, selfCheck[0]?.probabilities.length ?? 0),
  );
  if (difference <= tolerance) return;
  throw new TexturaError(
    'parity-failed',
    `${where}: self-check failed: probabilities differ from the report by ${difference} (allowed ${tolerance})`,
  );
}
