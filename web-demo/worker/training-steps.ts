/**
 * Training steps on one provider, from the same graph as those of `npm run train`. On WebGPU the parameters
 * and momentum buffers stay on the device, because copying them takes longer than a step.
 */
import type { Tensor } from 'onnxruntime-web';
import { stepNames, trainingStepGraph } from '../../graph/step/step.ts';
import {
  batchValues,
  type StepValues,
  settingValues,
  stateOf,
  stateValues,
} from '../../graph/step/step-values.ts';
import { TexturaError } from '../../model/error.ts';
import type { Network } from '../../model/network.ts';
import type { TrainingState } from '../../model/parameters.ts';
import { disposeAll, encodeGraph, floats, type Runtime } from './tensors.ts';

/** A batch with patches `[count,64,64]`; fewer than the graph's batch are padded. */
export interface StepBatch {
  readonly patches: Uint8Array;
  readonly labels: Int32Array;
}

export interface TrainingSteps {
  /** Takes one step and returns the logits `[count,classes]` before its update. */
  take(batch: StepBatch, settings: Parameters<typeof settingValues>[0]): Promise<Float32Array>;
  /** Replaces parameters and momentum buffers. */
  write(state: TrainingState): void;
  read(): Promise<TrainingState>;
  release(): Promise<void>;
}

/** Opens the steps of a network for batches of up to `batch` patches. */
export async function openTrainingSteps(
  runtime: Runtime,
  network: Network,
  batch: number,
  initial: TrainingState,
): Promise<TrainingSteps> {
  const target = runtime.provider === 'webgpu' ? 'webgpu' : 'cpu';
  const names = Object.keys(stateValues(network));
  const session = await runtime.open(
    encodeGraph(trainingStepGraph(network, { batch, target })),
    names.map(stepNames.next),
  );
  const tensorsOf = (values: StepValues): Record<string, Tensor> =>
    Object.fromEntries(
      Object.entries(values).map(([name, { data, shape }]) => [name, new runtime.Tensor(data, shape)]),
    );
  let state = tensorsOf(stateValues(network, initial));

  function replace(next: Record<string, Tensor>): void {
    disposeAll(state);
    state = next;
  }

  return {
    async take(examples, settings) {
      const feeds = tensorsOf({
        ...batchValues(examples, { size: batch, target }),
        ...settingValues(settings),
      });
      const outputs = await session.run({ ...feeds, ...state });
      disposeAll(feeds);
      replace(Object.fromEntries(names.map((name) => [name, tensorIn(outputs, stepNames.next(name))])));
      return floats(outputs, stepNames.logits).subarray(0, examples.labels.length * network.classes);
    },
    write: (written) => replace(tensorsOf(stateValues(network, written))),
    async read() {
      const values = await Promise.all(
        names.map(async (name) => [name, await state[name]?.getData()] as const),
      );
      const data = new Map(values);
      return stateOf(network, (name) => data.get(name));
    },
    async release() {
      disposeAll(state);
      await session.release();
    },
  };
}

function tensorIn(outputs: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const tensor = outputs[name];
  if (tensor === undefined) throw new TexturaError('internal', `the step has no output ${name}`);
  return tensor;
}
