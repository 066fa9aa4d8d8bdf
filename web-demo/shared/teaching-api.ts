/**
 * The API of the teaching worker, which trains a model on the surfaces of the Teach view. All values are
 * cloneable.
 */

import type { SelfCheck } from './inference-api.ts';
import type { TrainingSplit } from './surfaces.ts';

/** Name of the model that Teach trains. */
export const taughtName = 'taught';

export type TeachingDepth = 'head' | 'all';

export interface TeachingRequest {
  /** The model to start from, with its address. */
  readonly base: { readonly name: string; readonly file: string };
  readonly split: TrainingSplit;
  readonly depth: TeachingDepth;
  /** Address of onnxruntime's files. */
  readonly folder: string;
}

type TeachingStage = 'features' | 'learning';

export interface TaughtResult {
  readonly model: Uint8Array;
  readonly labels: readonly string[];
  readonly selfCheck: SelfCheck;
  readonly base: string;
  readonly heldOut: { readonly wrong: number; readonly count: number };
  readonly trainingPatches: number;
  readonly seconds: number;
}

export interface TeachingProgress {
  readonly stage: TeachingStage;
  readonly done: number;
  readonly total: number;
  /** Mean cross-entropy of the latest step, once there is one. */
  readonly loss: number | undefined;
}

export interface TeachingApi {
  train(request: TeachingRequest): TaughtResult;
}
