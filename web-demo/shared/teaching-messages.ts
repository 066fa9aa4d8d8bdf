/** What the page sends to the worker that teaches, and what it hears from it. */

import type { Lesson } from './collection.ts';
import type { Fault } from './faults.ts';
import type { SelfCheck } from './inference-messages.ts';

/** What a network that was taught here is called. */
export const taughtName = 'taught';

export const teachingDepths = ['head', 'all'] as const;
export type TeachingDepth = (typeof teachingDepths)[number];

export interface TeachingOrder {
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

export type TeachingNews =
  | {
      readonly kind: 'progress';
      readonly stage: TeachingStage;
      readonly done: number;
      readonly total: number;
      /** Mean cross-entropy of the latest step, once there is one. */
      readonly loss: number | undefined;
    }
  | { readonly kind: 'done'; readonly result: TaughtResult }
  | { readonly kind: 'failed'; readonly fault: Fault };
