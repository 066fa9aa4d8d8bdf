/**
 * The API of the teaching worker, which trains a model on the surfaces of the Teach view. All values are
 * cloneable.
 */

import type { SelfCheck } from '../../model/self-check.ts';
import type { Provider } from './inference-api.ts';
import type { TrainingSplit } from './surfaces.ts';

/** Name of the network that Teach trains. */
export const taughtName = 'taught';

/** Name of the model, unless a person chooses another one. */
export const defaultTaughtName = 'my-surfaces';

/** The file of the built page that Teach starts from where there is no exported model. */
export const pretrainedFile = 'pretrained.onnx';

/** Its name as a base model. */
export const pretrainedName = 'pretrained';

export type TeachingDepth = 'head' | 'all';

export interface TeachingRequest {
  /** Name of the model. */
  readonly name: string;
  /** The model to start from, with its address. */
  readonly base: { readonly name: string; readonly file: string };
  readonly split: TrainingSplit;
  readonly depth: TeachingDepth;
  /** The provider that the page uses. All layers are trained on WebGPU only if it is this one. */
  readonly provider: Provider;
  /** Address of onnxruntime's files. */
  readonly folder: string;
}

type TeachingStage = 'features' | 'learning';

interface ErrorCount {
  readonly wrong: number;
  readonly count: number;
}

export interface TaughtResult {
  readonly name: string;
  readonly model: Uint8Array;
  readonly labels: readonly string[];
  /** Of each label (`page/dom/colours.ts`). */
  readonly colours: readonly number[];
  readonly selfCheck: SelfCheck;
  readonly base: string;
  readonly heldOut: ErrorCount;
  /** Held-out patches of each label. */
  readonly heldOutOf: readonly ErrorCount[];
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
