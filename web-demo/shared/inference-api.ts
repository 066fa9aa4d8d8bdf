/** The API of the inference worker, which owns the onnxruntime sessions. All values are cloneable. */
import type { GreyImage } from '../../model/image.ts';
import type { Shape } from '../../model/layer.ts';
import type { ModelReport } from '../../model/model-file.ts';
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

/** Calls of the worker that owns the sessions. A newer `classify`, `compare`, `heatMap` or `activations` replaces a waiting one. */
export interface InferenceApi {
  start(input: { readonly provider: Provider; readonly folder: string }): { readonly threads: number };
  load(source: ModelSource): LoadedModel;
  classify(input: { readonly model: string; readonly patches: Uint8Array }): Answer;
  compare(input: { readonly models: readonly string[]; readonly patch: Uint8Array }): readonly Answer[];
  /** A coarse map has every second position on each axis, if the network's strides allow it. */
  heatMap(input: { readonly model: string; readonly grey: GreyImage; readonly isCoarse: boolean }): HeatMap;
  activations(input: { readonly model: string; readonly patch: Uint8Array }): Activations;
}
