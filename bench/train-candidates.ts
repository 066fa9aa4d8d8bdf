/**
 * The candidates of `npm run bench -- train`: both engines, the onnx engine also with the data pipeline and
 * in a browser, PyTorch in three configurations, TensorFlow, and matrix products as the upper bound. Each is
 * a program of its own.
 */
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type NetworkName, networkOf, trainedNames } from '../model/network.ts';
import { nodeArguments } from '../node/own-module.ts';
import { textureNames } from '../textures/textures.ts';
import type { CandidatePlan } from './candidate.ts';
import { productModel, squareProduct, stepProduct } from './matrix-product.ts';

/** What the candidates of a comparison have in common. */
export interface TrainComparison {
  readonly variant: NetworkName;
  readonly threads: number;
  readonly batch: number;
  /** A folder of photographs, or `generated`. */
  readonly data: string;
}

/**
 * `prepared`: a few random batches in memory. The others run the data pipeline, all but `pipeline` with the
 * augmentation of that name.
 */
const batchSources = ['prepared', 'pipeline', 'jitter64', 'strong'] as const;
type BatchSource = (typeof batchSources)[number];

const trainingSchema = z.strictObject({
  variant: z.enum(trainedNames),
  threads: z.int().min(1),
  batch: z.int().min(1),
  data: z.string(),
});

/** What train-process.ts runs; its JSON is the process's only argument. */
export const processRequestSchema = z.discriminatedUnion('kind', [
  trainingSchema.extend({
    kind: z.literal('engine'),
    engine: z.enum(['onnx', 'tfjs']),
    batches: z.enum(batchSources),
  }),
  trainingSchema.extend({ kind: z.literal('browser') }),
  z.strictObject({
    kind: z.literal('product'),
    name: z.string(),
    left: z.array(z.int()),
    right: z.array(z.int()),
    threads: z.int().min(1),
  }),
]);
export type ProcessRequest = z.infer<typeof processRequestSchema>;
export type EngineProcessRequest = Extract<ProcessRequest, { readonly kind: 'engine' }>;

/** What this machine has besides the onnx engine. */
export interface Peers {
  /** Whether the tfjs engine is installed. */
  readonly hasTfjs: boolean;
  /** Interpreters with these packages. */
  readonly pytorch: string | undefined;
  readonly tensorflow: string | undefined;
  /** Whether the processor multiplies in bfloat16; otherwise PyTorch emulates it and is many times slower. */
  readonly hasBfloat16: boolean;
  readonly hasChromium: boolean;
}

export interface TrainCandidate {
  readonly plan: CandidatePlan;
  /** Of one step, if the candidate is a matrix product. */
  readonly multiplyAdds?: number;
}

/** Rates are compared with this candidate: PyTorch with its default settings. */
export const baselineName = 'PyTorch';
export const browserName = 'onnx engine in Chromium';

const sourceNames: Readonly<Record<BatchSource, string>> = {
  prepared: '',
  pipeline: ' with data pipeline',
  jitter64: ' with data pipeline, jitter64',
  strong: ' with data pipeline, strong',
};

export function engineName(engine: EngineProcessRequest['engine'], batches: BatchSource): string {
  return `${engine} engine${sourceNames[batches]}`;
}

/** The pipeline with the augmentations of the recipes that train these networks. */
const sourcesOf: Partial<Record<NetworkName, readonly BatchSource[]>> = {
  'texture-net': ['prepared', 'strong'],
  reference: ['prepared', 'pipeline', 'jitter64'],
};

/** The memory layouts and precisions that PyTorch is measured in, with the candidates' names. */
const pytorchSettings = {
  default: baselineName,
  channels_last: `${baselineName}, channels_last`,
  channels_last_bf16: `${baselineName}, channels_last, bf16 autocast`,
} as const;

/** In page order. The data pipeline costs the same for every network: only two have it. */
export function candidatesOf(
  comparison: TrainComparison,
  { hasTfjs, pytorch, tensorflow, hasBfloat16, hasChromium }: Peers,
): readonly TrainCandidate[] {
  const { variant, threads, batch } = comparison;
  const sources = sourcesOf[variant] ?? ['prepared'];
  const { layers, classes } = networkOf(variant, textureNames.length);
  const peerRequest = { layers, classes, batch, threads };
  const plans = [
    ...sources.map((source) => enginePlan('onnx', source, comparison)),
    // A page without cross-origin isolation has one thread.
    ...(hasChromium && threads === 1
      ? [nodePlan(browserName, { kind: 'browser', ...comparison }, { warmUpSteps: 1 })]
      : []),
    ...(hasTfjs ? [enginePlan('tfjs', 'prepared', comparison)] : []),
    ...Object.entries(pytorchSettings).flatMap(([setting, name]) =>
      pytorch === undefined || (setting === 'channels_last_bf16' && !hasBfloat16)
        ? []
        : [pythonPlan(name, pytorch, './peer/torch_step.py', { ...peerRequest, setting })],
    ),
    ...(tensorflow === undefined
      ? []
      : [pythonPlan('TensorFlow', tensorflow, './peer/tensorflow_step.py', peerRequest)]),
  ];
  const products = [squareProduct, stepProduct(batch)].map((shape) => ({
    plan: nodePlan(
      shape.name,
      { kind: 'product', ...shape, left: [...shape.left], right: [...shape.right], threads },
      { warmUpSteps: 1, stepsFactor: 4 },
    ),
    multiplyAdds: productModel(shape).multiplyAdds,
  }));
  return [...plans.map((plan) => ({ plan })), ...products];
}

function enginePlan(
  engine: EngineProcessRequest['engine'],
  batches: BatchSource,
  comparison: TrainComparison,
): CandidatePlan {
  const request = { kind: 'engine', ...comparison, engine, batches } as const;
  // The pipeline has two finished batches and one in progress: made during the other candidates' turns.
  return nodePlan(engineName(engine, batches), request, { warmUpSteps: batches === 'prepared' ? 1 : 3 });
}

function nodePlan(
  name: string,
  request: ProcessRequest,
  steps: Pick<CandidatePlan, 'warmUpSteps' | 'stepsFactor'>,
): CandidatePlan {
  const module = new URL('./train-process.ts', import.meta.url);
  const args = [...nodeArguments(module), JSON.stringify(request)];
  return { name, program: process.execPath, args, ...steps };
}

function pythonPlan(name: string, python: string, program: string, request: object): CandidatePlan {
  // -B: no compiled files next to the sources.
  const args = ['-B', pathOf(program), JSON.stringify(request)];
  return { name, program: python, args, warmUpSteps: 1 };
}

function pathOf(module: string): string {
  return fileURLToPath(new URL(module, import.meta.url));
}
