/** What the page asks of the worker that owns the sessions, and what it gets. Plain data: all of it is cloned or transferred. */
import type { GreyImage } from '../../model/image.ts';
import type { Shape } from '../../model/layer.ts';
import type { ModelReport } from '../../model/model-file.ts';
import type { Fault } from './faults.ts';
import type { ModelContents } from './model-contents.ts';

/** Execution providers of onnxruntime-web that the page offers. */
export const providers = ['wasm', 'webgpu'] as const;
export type Provider = (typeof providers)[number];

export type SelfCheck = ModelReport['selfCheck'];

/** Where a model comes from: an address, or the bytes themselves. */
export interface ModelSource {
  readonly name: string;
  readonly file: string | Uint8Array;
  /** Patches and the probabilities that they must give. */
  readonly selfCheck: SelfCheck;
  /** Largest difference in probability that is allowed. */
  readonly tolerance: number;
}

export interface StartedRuntime {
  readonly provider: Provider;
  readonly threads: number;
  readonly version: string;
}

export interface LoadedModel extends ModelContents {
  readonly name: string;
  readonly bytes: number;
  /** Largest difference in probability that the self-check saw, over all its patches and classes. */
  readonly difference: number;
  /** Milliseconds of one run on one patch after a first one. */
  readonly runMs: number;
}

export interface Answer {
  /** `[patches,C]`. */
  readonly logits: Float32Array;
  readonly inferMs: number;
}

/** Probabilities of the classes at places of a picture. */
export interface HeatMap {
  /** `[C,rows,columns]`. */
  readonly probabilities: Float32Array;
  readonly rows: number;
  readonly columns: number;
  /** Side of the square that each place reads, and the distance between places, in pixels of the picture that was given. */
  readonly fieldPx: number;
  readonly stridePx: number;
  readonly inferMs: number;
}

/** The output of one layer for one patch. */
export interface LayerActivation {
  readonly layer: string;
  /** `[channels,height,width]`. */
  readonly shape: Shape;
  readonly values: Float32Array;
  /** Side of the square of the patch that a value sees, and the distance between the squares of neighbours. */
  readonly receptiveFieldPx: number;
  readonly stridePx: number;
}

export interface Activations {
  readonly layers: readonly LayerActivation[];
  /** Of the first convolution, `[filters,1,kernelPx,kernelPx]`. */
  readonly kernels: { readonly kernelPx: number; readonly values: Float32Array };
}

/** Each kind of request with what it takes and gives. */
export interface Work {
  start: {
    readonly takes: { readonly provider: Provider; readonly folder: string };
    readonly gives: StartedRuntime;
  };
  load: { readonly takes: { readonly source: ModelSource }; readonly gives: LoadedModel };
  classify: {
    readonly takes: { readonly model: string; readonly patches: Uint8Array };
    readonly gives: Answer;
  };
  compare: {
    readonly takes: { readonly models: readonly string[]; readonly patch: Uint8Array };
    readonly gives: { readonly answers: readonly Answer[] };
  };
  heatMap: {
    /** A coarse map has every second place of each axis, where the network allows to leave out the others. */
    readonly takes: { readonly model: string; readonly grey: GreyImage; readonly isCoarse: boolean };
    readonly gives: HeatMap;
  };
  activations: {
    readonly takes: { readonly model: string; readonly patch: Uint8Array };
    readonly gives: Activations;
  };
}
export type WorkKind = keyof Work;

export type Request = {
  [K in WorkKind]: { readonly id: number; readonly kind: K; readonly takes: Work[K]['takes'] };
}[WorkKind];

export type Reply =
  | { readonly id: number; readonly status: 'done'; readonly gives: Work[WorkKind]['gives'] }
  /** A newer request of its kind came before it was begun. */
  | { readonly id: number; readonly status: 'superseded' }
  | { readonly id: number; readonly status: 'failed'; readonly fault: Fault };

/** Unasked: the worker cannot compute any more. */
export interface Loss {
  readonly status: 'lost';
  readonly fault: Fault;
}
