/**
 * The self-check of a model: patches with their expected probabilities. The exporter writes it into a report,
 * the page into the files that it trains; the service and the page run it before they use a model.
 */
import { z } from 'zod';
import { type ModelReport, metadataKeys, metadataValue } from './model-file.ts';
import { patchBytes } from './patch.ts';
import { softmaxRows } from './scores.ts';

export type SelfCheck = ModelReport['selfCheck'];

/** How the results of a model are checked where it is loaded. */
export interface ModelCheck {
  /** Empty on the page for a file that came without its report. */
  readonly selfCheck: SelfCheck;
  /** Largest allowed difference of a probability. */
  readonly tolerance: number;
}

/** Patches with their expected logits. */
export interface PatchLogits {
  readonly count: number;
  /** `[count,64,64]`, grey 0..255. */
  readonly patches: Uint8Array;
  /** `[count,C]`. */
  readonly logits: Float32Array;
}

export const selfCheckCount = 8;

/** Allowed difference of a probability between two runtimes, which sum in different orders. */
export const selfCheckTolerance = 1e-4;

/** Up to eight of the patches, evenly spread, with the softmax of their logits. */
export function selfCheckOf({ patches, logits, count }: PatchLogits): SelfCheck {
  const classes = logits.length / count;
  const probabilities = softmaxRows(logits, classes);
  const checks = Math.min(selfCheckCount, count);
  return Array.from({ length: checks }, (_, i) => {
    const index = Math.floor((i * count) / checks);
    return {
      patch: z.util.uint8ArrayToBase64(patches.subarray(index * patchBytes, (index + 1) * patchBytes)),
      probabilities: [...probabilities.subarray(index * classes, (index + 1) * classes)],
    };
  });
}

const base64Length = 4 * Math.ceil(patchBytes / 3);

/** `textura.selfCheck`: a patch in base64 and its logits in each entry. */
function embeddedSchema(classes: number) {
  return z
    .array(
      z.strictObject({
        patch: z.base64().length(base64Length),
        logits: z.array(z.number()).length(classes),
      }),
    )
    .min(1)
    .max(1000);
}

/** The value of `textura.selfCheck`. */
export function embeddedCheck({ patches, logits, count }: PatchLogits): string {
  const classes = logits.length / count;
  const entries = Array.from({ length: count }, (_, i) => ({
    patch: z.util.uint8ArrayToBase64(patches.subarray(i * patchBytes, (i + 1) * patchBytes)),
    logits: [...logits.subarray(i * classes, (i + 1) * classes)],
  }));
  return JSON.stringify(entries satisfies z.infer<ReturnType<typeof embeddedSchema>>);
}

/**
 * The patches in a file's metadata; undefined if it has none. Errors: `model-unusable`, naming `where`, if
 * one does not have 64x64 bytes and a logit for each class.
 */
export function embeddedPatches(
  metadata: Readonly<Record<string, string>>,
  classes: number,
  where: string,
): PatchLogits | undefined {
  if (metadata[metadataKeys.selfCheck] === undefined) return undefined;
  const entries = metadataValue(metadata, metadataKeys.selfCheck, embeddedSchema(classes), where);
  return {
    count: entries.length,
    patches: selfCheckPatches(entries),
    logits: Float32Array.from(entries.flatMap(({ logits }) => logits)),
  };
}

/** The patches, `[count,64,64]`, from base64. A patch of another size leaves zeros. */
export function selfCheckPatches(entries: readonly { readonly patch: string }[]): Uint8Array<ArrayBuffer> {
  const patches = new Uint8Array(entries.length * patchBytes);
  entries.forEach(({ patch }, i) => {
    patches.set(z.util.base64ToUint8Array(patch).subarray(0, patchBytes), i * patchBytes);
  });
  return patches;
}

/** Largest difference of a probability `[count,C]`; Infinity if a value is NaN or values are missing. */
export function largestDifference(selfCheck: SelfCheck, probabilities: Float32Array): number {
  const expected = selfCheck.flatMap((check) => check.probabilities);
  if (expected.length === 0 || expected.length !== probabilities.length) return Number.POSITIVE_INFINITY;
  return expected.reduce((largest, value, i) => {
    const difference = Math.abs(value - (probabilities[i] as number));
    return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(largest, difference);
  }, 0);
}
