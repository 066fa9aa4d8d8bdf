/**
 * `npm run bench -- device`: what the cost model of `graph/step/convolution.ts` assumes of a device: how many
 * multiply-adds it computes in the time in which it writes and reads one value. Also the time that an operator
 * takes if there is almost nothing to compute, which is most of a step of many small operators on a GPU.
 *
 * Each time is the difference between a run of 2 n equal operators and one of n, so that copies of inputs and
 * outputs cancel out.
 */

import { z } from 'zod';
import { createGraph, type Graph, type Target, targets } from '../graph/builder.ts';
import { multiplyAddsPerValue } from '../graph/step/convolution.ts';
import type { Value } from '../graph/value.ts';
import { count, significant } from '../model/format.ts';
import { volume } from '../model/layer.ts';
import { medianOf } from '../model/statistics/descriptive.ts';
import { usableCores } from '../node/machine.ts';
import { env, type InferenceSession, Tensor } from '../node/onnxruntime.ts';
import type { Terminal } from '../node/terminal.ts';
import { openSession } from '../training/engine/onnx-engine.ts';

export const deviceBenchOptions = z.strictObject({
  device: z.enum(targets).default('cpu').describe('device of onnxruntime'),
  rounds: z.int().min(1).default(7).describe('measurements of each operator'),
  operators: z.int().min(1).default(16).describe('operators in the shorter of two runs'),
});

/** Chains of equal operators, each reading the result of the one before. */
const chains = {
  /** Products of the size of a layer's tiles: positions, filters x channels by channels x batch. */
  product: { shape: [256, 256, 160], factor: [256, 256, 256] },
  /** Too large for a cache. */
  elementwise: { shape: [256, 256, 640], factor: [1] },
  tiny: { shape: [1], factor: [1] },
} as const;
type ChainName = keyof typeof chains;

export async function benchDevice(
  { device, rounds, operators }: z.infer<typeof deviceBenchOptions>,
  terminal: Terminal,
): Promise<void> {
  const secondsOf = (name: ChainName) => operatorSeconds(name, device, { rounds, operators });
  const { product, elementwise } = chains;
  const multiplyAdds = volume(product.shape) * product.factor[2];
  const multiplyAddRate = multiplyAdds / (await secondsOf('product'));
  const valueRate = volume(elementwise.shape) / (await secondsOf('elementwise'));
  const tinySeconds = await secondsOf('tiny');
  const measured = multiplyAddRate / valueRate;
  for (const line of [
    `onnxruntime ${env.versions.node ?? ''} on ${device}`,
    `products                   ${count(Math.round((2 * multiplyAddRate) / 1e9))} GFLOP/s`,
    `values written and read    ${count(Math.round(valueRate / 1e6))} million a second`,
    `an operator of one value   ${significant(1e6 * tinySeconds)} µs`,
    `multiply-adds per value    ${significant(measured)} (the cost model has ${multiplyAddsPerValue[device]})`,
  ])
    terminal.line(line);
}

/** Median time of one operator of a chain. Errors: `engine-unavailable` if the device cannot be used. */
async function operatorSeconds(
  name: ChainName,
  device: Target,
  { rounds, operators }: { readonly rounds: number; readonly operators: number },
): Promise<number> {
  const { shape, factor } = chains[name];
  const feeds = {
    start: new Tensor('float32', new Float32Array(volume(shape)).fill(1), shape),
    // The values stay 1.
    factor: new Tensor('float32', new Float32Array(volume(factor)).fill(1 / (factor[2] ?? 1)), factor),
  };
  const short = await openSession(chainGraph(name, operators), device, usableCores());
  const long = await openSession(chainGraph(name, 2 * operators), device, usableCores());
  try {
    for (const session of [short, long]) await session.run(feeds);
    const seconds = async (session: InferenceSession) => {
      const startedAt = performance.now();
      await session.run(feeds);
      return (performance.now() - startedAt) / 1000;
    };
    const differences: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const first = await seconds(short);
      differences.push((await seconds(long)) - first);
    }
    return Math.max(medianOf(differences), 1e-9) / operators;
  } finally {
    await short.release();
    await long.release();
  }
}

function chainGraph(name: ChainName, operators: number): Graph {
  const { shape, factor: factorShape } = chains[name];
  const graph = createGraph({ name, opset: 17, float: 'float32' });
  const factor = graph.input('factor', 'float32', factorShape);
  let value: Value = graph.input('start', 'float32', shape);
  for (let i = 0; i < operators; i++) {
    value = name === 'product' ? graph.node('MatMul', [factor, value]) : graph.node('Mul', [value, factor]);
  }
  // One value, so that the output is not copied.
  graph.output(
    graph.sum(
      value,
      shape.map((_, axis) => axis),
      { name: 'end' },
    ),
  );
  return graph;
}
