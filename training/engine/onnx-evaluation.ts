/**
 * Evaluations of the onnx engine between steps. Batch normalisations are folded into the convolutions, and one
 * session transforms the kernels once for all patches that another one evaluates.
 */
import type { Graph, Target } from '../../graph/builder.ts';
import { evaluationGraphs } from '../../graph/step/evaluation.ts';
import { stepNames } from '../../graph/step/step.ts';
import { patchesValue, stateValues } from '../../graph/step/step-values.ts';
import { describeLayers, totalsOf } from '../../model/description.ts';
import { TexturaError } from '../../model/error.ts';
import { foldBatchNorm, foldedNetwork, hasBatchNorm } from '../../model/fold-batch-norm.ts';
import type { Network } from '../../model/network.ts';
import { type TrainingState, zeroParameters } from '../../model/parameters.ts';
import { patchBytes } from '../../model/patch.ts';
import type { InferenceSession, SessionOutputs } from '../../node/onnxruntime.ts';
import { type Tensors, tensorsOf } from './onnx-state.ts';

/**
 * Limits of an evaluation's batch: its patches, and the memory for the outputs of all layers; tiled
 * convolutions need several times as much. On the CPU the outputs of a layer should stay in the cache, and
 * WebGPU limits the size of a buffer. On CUDA every run copies the kernels to the device, so fewer are faster.
 */
const small = { patches: 32, bytes: 48 * 2 ** 20 } as const;
const evaluationLimits = { cpu: small, webgpu: small, cuda: { patches: 512, bytes: 2 ** 30 } } as const;

/** Evaluation batch size: smaller for networks with large layers, e.g. without the first pooling. */
export function evaluationPatches(network: Network, device: Target = 'cpu'): number {
  const { patches, bytes } = evaluationLimits[device];
  const { activationBytes } = totalsOf(describeLayers(network));
  return Math.min(patches, Math.max(1, Math.floor(bytes / activationBytes)));
}

/** The state that is evaluated, see onnx-state.ts. */
interface EvaluatedState {
  tensors(): Tensors;
  read(): Promise<TrainingState>;
}

interface OnnxEvaluation {
  /** `[count,C]` of patches `[count,64,64]`. */
  logits(patches: Uint8Array): Promise<Float32Array>;
  /** To be called when the values of the state have changed. */
  forget(): void;
  release(): Promise<void>;
}

/** `open` opens a session on the device. Errors: those of `open`. */
export async function openEvaluation(
  network: Network,
  device: Target,
  state: EvaluatedState,
  open: (graph: Graph) => Promise<InferenceSession>,
): Promise<OnnxEvaluation> {
  const graphs = evaluationGraphs(foldedNetwork(network), device);
  const preparation = await open(graphs.preparation);
  const forward = await open(graphs.forward).catch(async (error: unknown) => {
    await preparation.release();
    throw error;
  });
  const patchesAtOnce = evaluationPatches(network, device);
  /** Inputs of `forward` other than the patches, until the values change. */
  let values: Tensors | undefined;

  async function prepare(): Promise<Tensors> {
    const current = hasBatchNorm(network) ? await foldedValues(network, state) : state.tensors();
    const kernels = (await preparation.run(pick(preparation.inputNames, current))) as Tensors;
    return { ...kernels, ...pick(forward.inputNames, current) };
  }

  async function logits(patches: Uint8Array): Promise<Float32Array> {
    values ??= await prepare();
    const answers = new Float32Array((patches.length / patchBytes) * network.classes);
    for (let start = 0; start * patchBytes < patches.length; start += patchesAtOnce) {
      const part = patches.subarray(start * patchBytes, (start + patchesAtOnce) * patchBytes);
      const feeds = { ...tensorsOf({ [stepNames.patches]: patchesValue(part, device) }), ...values };
      answers.set(logitsOf(await forward.run(feeds)), start * network.classes);
    }
    return answers;
  }

  async function release(): Promise<void> {
    await preparation.release();
    await forward.release();
  }
  const forget = () => {
    values = undefined;
  };
  return { logits, forget, release };
}

async function foldedValues(network: Network, state: EvaluatedState): Promise<Tensors> {
  const { parameters } = await state.read();
  const folded = foldBatchNorm({ network, parameters });
  const momentum = zeroParameters(folded.network);
  return tensorsOf(stateValues(folded.network, { parameters: folded.parameters, momentum }));
}

function pick(names: readonly string[], from: Tensors): Tensors {
  return Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)));
}

/** The logits among the outputs of a session. */
export function logitsOf(outputs: SessionOutputs): Float32Array {
  const tensor = outputs[stepNames.logits];
  if (tensor === undefined) throw new TexturaError('internal', `the step has no ${stepNames.logits}`);
  return tensor.data as Float32Array;
}
