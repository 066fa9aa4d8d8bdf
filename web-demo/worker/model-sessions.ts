/** Loads models, checks them and runs them. */
import { TexturaError } from '../../model/error.ts';
import { graphNames } from '../../model/graph-names.ts';
import { inputPx, patchBytes } from '../../model/patch.ts';
import { softmaxRows } from '../../model/scores.ts';
import { largestDifference, type SelfCheck, selfCheckPatches } from '../../model/self-check.ts';
import { fault, InferenceError } from '../shared/faults.ts';
import type { Answer, LoadedModel, LoadRequest } from '../shared/inference-api.ts';
import { fileSelfCheck, type ModelContents, modelContents } from '../shared/model-contents.ts';
import { disposeAll, floats, type Runtime, type Session } from './tensors.ts';

export interface OpenModel {
  readonly contents: ModelContents;
  readonly bytes: Uint8Array;
  readonly session: Session;
}

/**
 * Loads a model and runs its self-check: the given one, or that inside the file. Errors: `model-unusable`;
 * `wrong-numbers` with the difference and the allowed one, if it is too large; `no-check` on WebGPU for a
 * model without a self-check.
 */
export async function openModel(
  runtime: Runtime,
  { name, bytes, selfCheck: given, tolerance }: LoadRequest,
): Promise<{ readonly model: OpenModel; readonly loaded: LoadedModel }> {
  const contents = modelContents(bytes, name);
  const selfCheck = given.length > 0 ? given : fileSelfCheck(bytes, name);
  if (selfCheck.length === 0 && runtime.provider === 'webgpu') throw new InferenceError(fault('no-check'));
  const session = await runtime.open(bytes);
  const model = { contents, bytes, session };
  try {
    const difference = selfCheck.length === 0 ? undefined : await differenceOf(runtime, model, selfCheck);
    if (difference !== undefined && !(difference <= tolerance))
      throw new InferenceError(fault('wrong-numbers', { difference: difference.toPrecision(2), tolerance }));
    const [entry] = selfCheck;
    const patch = entry === undefined ? new Uint8Array(patchBytes) : selfCheckPatches([entry]);
    const runMs = await timeOfOnePatch(runtime, model, patch);
    return { model, loaded: { name, ...contents, bytes: bytes.length, difference, runMs } };
  } catch (error) {
    await session.release();
    throw error;
  }
}

async function differenceOf(runtime: Runtime, model: OpenModel, selfCheck: SelfCheck): Promise<number> {
  const { logits } = await outputsOf(runtime, model, selfCheckPatches(selfCheck));
  return largestDifference(selfCheck, softmaxRows(logits, model.contents.labels.length));
}

/** The faster of two runs after a warm-up. */
async function timeOfOnePatch(runtime: Runtime, model: OpenModel, patch: Uint8Array): Promise<number> {
  await answer(runtime, model, patch);
  const runs = [await answer(runtime, model, patch), await answer(runtime, model, patch)];
  return Math.min(...runs.map(({ inferMs }) => inferMs));
}

/**
 * Logits and known scores of patches `[count,64,64]`, grey 0..255. Errors: `model-unusable` if a logit is NaN or
 * infinite.
 */
export async function answer(runtime: Runtime, model: OpenModel, patches: Uint8Array): Promise<Answer> {
  const outputs = await outputsOf(runtime, model, patches);
  if (outputs.logits.every(Number.isFinite)) return outputs;
  throw new TexturaError('model-unusable', 'its logits are not finite');
}

async function outputsOf(runtime: Runtime, model: OpenModel, patches: Uint8Array): Promise<Answer> {
  const shape = [patches.length / patchBytes, 1, inputPx, inputPx];
  const image = new runtime.Tensor('float32', new Float32Array(patches), shape);
  const startedAt = performance.now();
  const hasScores = model.contents.known !== undefined;
  const wanted = hasScores ? [graphNames.logits, graphNames.knownScore] : [graphNames.logits];
  const outputs = await model.session.run({ [graphNames.image]: image }, wanted);
  const logits = floats(outputs, graphNames.logits);
  const scores = hasScores ? { knownScores: floats(outputs, graphNames.knownScore) } : {};
  const inferMs = performance.now() - startedAt;
  disposeAll({ image, ...outputs });
  return { logits, ...scores, inferMs };
}
