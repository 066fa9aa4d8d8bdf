/** Runs graphs, mostly of float64, on plain arrays, and takes numeric gradients through them. */

import type { Graph } from '../../graph/builder.ts';
import { InferenceSession, Tensor } from '../../node/onnxruntime.ts';
import { bytesOf } from './onnx-session.ts';

export type Arrays = Readonly<Record<string, ArrayLike<number>>>;
export type Outputs = Readonly<Record<string, Float64Array>>;

export interface GraphRunner {
  run(inputs: Arrays): Promise<Outputs>;
  release(): Promise<void>;
}

/** A session for a graph whose sizes are all known; inputs and outputs go by name, float64 out. */
export async function runnerOf(graph: Graph): Promise<GraphRunner> {
  const session = await InferenceSession.create(bytesOf(graph), { intraOpNumThreads: 1 });
  const { inputs } = graph.content();
  async function run(arrays: Arrays): Promise<Outputs> {
    const feeds = inputs.map(({ name, dtype, shape }) => {
      const values = arrays[name];
      if (values === undefined) throw new Error(`the test gives no ${name}`);
      return [name, tensorFor(dtype, values, shape as readonly number[])] as const;
    });
    const results = await session.run(Object.fromEntries(feeds));
    return Object.fromEntries(
      Object.entries(results).map(([name, { data }]) => [name, Float64Array.from(data as Float64Array)]),
    );
  }
  return { run, release: () => session.release() };
}

function tensorFor(dtype: string, values: ArrayLike<number>, shape: readonly number[]): Tensor {
  if (dtype === 'float32') return new Tensor('float32', Float32Array.from(values), shape);
  if (dtype === 'float64') return new Tensor('float64', Float64Array.from(values), shape);
  if (dtype === 'int32') return new Tensor('int32', Int32Array.from(values), shape);
  if (dtype === 'uint8') return new Tensor('uint8', Uint8Array.from(values), shape);
  throw new Error(`no tensor of ${dtype} in tests`);
}

/** (f(x + h) - f(x - h)) / 2h for the element `at` of one input. */
export async function centralDifference(
  value: (inputs: Arrays) => Promise<number>,
  inputs: Arrays,
  name: string,
  at: number,
  step: number,
): Promise<number> {
  const shifted = (by: number) => {
    const values = Float64Array.from(inputs[name] ?? []);
    values[at] = (values[at] as number) + by;
    return value({ ...inputs, [name]: values });
  };
  return ((await shifted(step)) - (await shifted(-step))) / (2 * step);
}

/** Whole numbers from 0 in seeded disorder, each once: no two values tie, and small steps change no order. */
export function distinctIntegers(count: number, seed: number): Float64Array {
  const values = Float64Array.from({ length: count }, (_, i) => i);
  let state = seed;
  for (let last = count - 1; last > 0; last--) {
    state = (state * 48271) % 2147483647;
    const other = state % (last + 1);
    [values[last], values[other]] = [values[other] as number, values[last] as number];
  }
  return values;
}
