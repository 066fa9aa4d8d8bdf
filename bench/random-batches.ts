/** Batches at hand for measuring steps alone. Pure: a page makes the same ones. */
import { patchBytes } from '../model/patch.ts';
import { randomStream } from '../model/random.ts';

export interface RandomBatch {
  /** Grey levels `[batch,64,64]`. */
  readonly patches: Uint8Array;
  readonly labels: Int32Array;
}

/** `count` batches of random grey levels and labels; the same every time. */
export function randomBatches(count: number, batch: number, classes: number): readonly RandomBatch[] {
  const random = randomStream(1, 'bench patches');
  return Array.from({ length: count }, () => {
    const patches = Uint8Array.from({ length: batch * patchBytes }, () => random.integer(0, 255));
    return { patches, labels: Int32Array.from({ length: batch }, () => random.integer(0, classes - 1)) };
  });
}

/** The batches over and over. */
export function* repeated(batches: readonly RandomBatch[]): Generator<RandomBatch, never> {
  for (;;) yield* batches;
}
