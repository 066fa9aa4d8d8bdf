/**
 * Where the parameters and momentum buffers of the onnx engine are between runs. On WebGPU they stay on the
 * device, because copying them to and fro takes longer than the rest of a step. Elsewhere onnxruntime-node
 * has only tensors in the host's memory, and two sets of them alternate as input and output of a run.
 */
import { createGraph, type Graph } from '../../graph/builder.ts';
import { stepNames } from '../../graph/step/step.ts';
import type { StepValues } from '../../graph/step/step-values.ts';
import { TexturaError } from '../../model/error.ts';
import { defaultOpset } from '../../model/model-file.ts';
import { type InferenceSession, type SessionOptions, Tensor } from '../../node/onnxruntime.ts';

export type Tensors = Readonly<Record<string, Tensor>>;

/** The values of a training state, by their names in the step. Calls must not overlap. */
interface OnnxState {
  /** The current values, as inputs of a run. The next run or `write` invalidates them. */
  readonly tensors: Tensors;
  /** The outputs `NAME.next` of a run: a tensor to fill, or null for a new one. */
  outputs(): Readonly<Record<string, Tensor | null>>;
  /** Takes the outputs of a run as the current values. */
  advance(results: Tensors): void;
  write(values: StepValues): void;
  read(): Promise<Readonly<Record<string, Float32Array>>>;
  dispose(): Promise<void>;
}

export function tensorsOf(values: StepValues): Tensors {
  return Object.fromEntries(
    Object.entries(values).map(([name, { data, shape }]) => [name, new Tensor(data, shape)]),
  );
}

export function stateOnHost(values: StepValues): OnnxState {
  // A run must not write to its own inputs.
  let [current, spare] = [tensorsOf(values), tensorsOf(structuredClone(values))];
  return {
    get tensors() {
      return current;
    },
    outputs: () => nextOutputs(spare, (tensor) => tensor),
    advance() {
      [current, spare] = [spare, current];
    },
    write(written) {
      current = tensorsOf(written);
    },
    read: async () => dataOf(current),
    dispose: async () => {},
  };
}

/**
 * State that stays on the device. The sessions of steps must be created with `nextValuesOnDevice`. `open`
 * opens a session on the device: onnxruntime-node cannot download a tensor, so a graph of identities does.
 */
export function stateOnDevice(
  values: StepValues,
  open: (graph: Graph) => Promise<InferenceSession>,
): OnnxState {
  let current = tensorsOf(values);
  let reader: InferenceSession | undefined;

  function replace(next: Tensors): void {
    for (const tensor of Object.values(current)) tensor.dispose();
    current = next;
  }

  return {
    get tensors() {
      return current;
    },
    outputs: () => nextOutputs(current, () => null),
    advance: (results) => replace(renamed(current, results, stepNames.next)),
    write: (written) => replace(tensorsOf(written)),
    async read() {
      // Before the first step the values are still the written ones.
      const isWritten = Object.values(current).every(({ location }) => location === 'cpu');
      if (isWritten) return dataOf(current);
      reader ??= await open(copyGraph(values));
      const copies = (await reader.run(current)) as Tensors;
      return dataOf(renamed(current, copies, copyName));
    },
    async dispose() {
      replace({});
      await reader?.release();
    },
  };
}

/** The option of a session that leaves the next values on the device. */
export function nextValuesOnDevice(values: StepValues): SessionOptions {
  const locations = Object.keys(values).map((name) => [stepNames.next(name), 'gpu-buffer'] as const);
  return { preferredOutputLocation: Object.fromEntries(locations) };
}

const copyName = (name: string) => `${name}.copy`;

function copyGraph(values: StepValues): Graph {
  const graph = createGraph({ name: 'copy', opset: defaultOpset, float: 'float32', target: 'webgpu' });
  for (const [name, { shape }] of Object.entries(values)) {
    const value = graph.input(name, 'float32', shape);
    graph.output(graph.node('Identity', [value], { name: copyName(name) }));
  }
  return graph;
}

function nextOutputs<T>(tensors: Tensors, outputOf: (tensor: Tensor) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [stepNames.next(name), outputOf(tensor)]),
  );
}

/** The results that belong to the values, by the values' names. Errors: `internal` if one is missing. */
function renamed(values: Tensors, results: Tensors, resultName: (name: string) => string): Tensors {
  return Object.fromEntries(
    Object.keys(values).map((name) => {
      const result = results[resultName(name)];
      if (result === undefined) throw new TexturaError('internal', `no output ${resultName(name)}`);
      return [name, result];
    }),
  );
}

function dataOf(tensors: Tensors): Readonly<Record<string, Float32Array>> {
  return Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, data as Float32Array]));
}
