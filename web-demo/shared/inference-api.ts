/** The API of the inference worker, which owns the onnxruntime sessions. All values are cloneable. */
import type { GreyImage } from '../../model/image.ts';
import type { Shape } from '../../model/layer.ts';
import type { ModelCheck } from '../../model/self-check.ts';
import type { ModelContents } from './model-contents.ts';

/** Execution providers of onnxruntime-web that the page offers. */
export type Provider = 'wasm' | 'webgpu';

export interface LoadRequest extends ModelCheck {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface LoadedModel extends ModelContents {
  readonly name: string;
  readonly bytes: number;
  /** Largest difference in probability in the self-check; undefined if there was none. */
  readonly difference: number | undefined;
  /** Duration of one run on one patch, after a warm-up. */
  readonly runMs: number;
}

export interface Answer {
  /** `[patches,C]`. */
  readonly logits: Float32Array;
  /** `[patches]`, if the file has known scores. */
  readonly knownScores?: Float32Array;
  readonly inferMs: number;
}

/** Probabilities of the classes at positions of a picture. */
export interface HeatMap {
  /** `[C,rows,columns]`; all zero at positions that show none of the classes. */
  readonly probabilities: Float32Array;
  readonly rows: number;
  readonly columns: number;
  /** Receptive field of each position, and the distance between positions, in pixels of `grey`. */
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
  /**
   * Receptive field of a value, and the distance between the fields of neighbours, in pixels of the patch.
   */
  readonly receptiveFieldPx: number;
  readonly stridePx: number;
}

export interface Activations {
  readonly layers: readonly LayerActivation[];
  /** Of the first convolution, `[filters,1,kernelPx,kernelPx]`. */
  readonly kernels: { readonly kernelPx: number; readonly values: Float32Array };
}

/** What the pixels of a patch say for its likeliest class and against the second (`model/evidence.ts`). */
export interface PatchExplanation {
  readonly first: number;
  readonly second: number;
  /** Negative if the patch shows none of the classes; undefined if the model cannot tell. */
  readonly margin: number | undefined;
  /** By how much the logit of the first exceeds that of the second; the sum of the map. */
  readonly total: number;
  /** `[64,64]` */
  readonly map: Float64Array;
}

/**
 * Calls of the worker that owns the sessions. A newer `classify`, `compare`, `heatMap`, `activations`
 * or `explain` replaces a waiting one.
 */
export interface InferenceApi {
  start(input: { readonly provider: Provider; readonly folder: string }): { readonly threads: number };
  load(request: LoadRequest): LoadedModel;
  classify(input: { readonly model: string; readonly patches: Uint8Array }): Answer;
  /** As `classify`, but never replaced. */
  classifyPicture(input: { readonly model: string; readonly patches: Uint8Array }): Answer;
  compare(input: { readonly models: readonly string[]; readonly patch: Uint8Array }): readonly Answer[];
  /** A coarse map has every second position on each axis, if the network's strides allow it. */
  heatMap(input: { readonly model: string; readonly grey: GreyImage; readonly isCoarse: boolean }): HeatMap;
  activations(input: { readonly model: string; readonly patch: Uint8Array }): Activations;
  /** For a model whose network has a `statisticsHead`. */
  explain(input: { readonly model: string; readonly patch: Uint8Array }): PatchExplanation;
}
