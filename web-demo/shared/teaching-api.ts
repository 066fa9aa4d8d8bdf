/** The API of the teaching worker, which trains a model on the surfaces of the Teach view. All values are cloneable. */
import type { Lesson } from './collection.ts';
import type { SelfCheck } from './inference-api.ts';

/** What a network that was taught here is called. */
export const taughtName = 'taught';

export const teachingDepths = ['head', 'all'] as const;
export type TeachingDepth = (typeof teachingDepths)[number];

export interface TeachingRequest {
  /** Address of the model to build on. */
  readonly base: { readonly name: string; readonly file: string };
  readonly lesson: Lesson;
  readonly depth: TeachingDepth;
  /** Where onnxruntime's files are. */
  readonly folder: string;
}

export type TeachingStage = 'features' | 'learning';

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
