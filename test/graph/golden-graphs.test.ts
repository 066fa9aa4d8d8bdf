/**
 * Golden files: the bytes of every graph that Textura builds. A refactoring must not change them. Renaming
 * values changes only the first hash of a line, because the second does not depend on names. Regenerate them
 * with `npx vitest run test/graph/golden-graphs.test.ts -u`.
 */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Graph } from '../../graph/builder.ts';
import { forwardGraph } from '../../graph/forward.ts';
import { evaluationGraphs } from '../../graph/step/evaluation.ts';
import { trainingStepGraph } from '../../graph/step/step.ts';
import { throughputGraph } from '../../graph/throughput.ts';
import { parameterSpecs } from '../../model/description.ts';
import { foldedNetwork } from '../../model/fold-batch-norm.ts';
import { volume } from '../../model/layer.ts';
import { defaultOpset, opsets } from '../../model/model-file.ts';
import { type Network, networkNames, networkOf } from '../../model/network.ts';
import type { Parameters } from '../../model/parameters.ts';
import { bytesOf } from '../support/onnx-session.ts';

const networks = networkNames.map((name) => networkOf(name, 7, { width: 0.1 }));
const reference = networkOf('reference', 25);

test('the graphs for inference equal the golden file', async () => {
  const lines = [...networks.map(foldedNetwork), reference].flatMap((network) => {
    const parameters = orderedParameters(network);
    return (network === reference ? [defaultOpset] : opsets).flatMap((opset) => [
      line('portable', network, opset, forwardGraph(network, parameters, { opset })),
      line('throughput', network, opset, throughputGraph(network, parameters, { opset })),
    ]);
  });
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('golden/inference.txt');
});

test('the graphs of the training step equal the golden file', async () => {
  const centred = networkOf('reference', 7, { width: 0.1, meanGrey: 117.5 });
  const normalised = { ...networkOf('reference', 7, { width: 0.1, batchNorm: true }), name: 'normalised' };
  const lines = [...networks, reference, centred, normalised].flatMap((network) =>
    (['cpu', 'webgpu'] as const).flatMap((target) => {
      const { preparation, forward } = evaluationGraphs(foldedNetwork(network), target);
      return [
        ...[16, 165].map((batch) =>
          line(`step of ${batch}`, network, target, trainingStepGraph(network, { batch, target })),
        ),
        line('preparation', network, target, preparation),
        line('evaluation', network, target, forward),
      ];
    }),
  );
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('golden/training.txt');
});

test('the structure of a graph depends on its nodes and constants and not on names', () => {
  const network = networkOf('lab-baseline', 3, { width: 0.1 });
  const renamed = {
    ...network,
    name: 'other',
    layers: network.layers.map((layer) => ({ ...layer, name: `${layer.name}x` })),
  };
  const step = (of: Network, batch: number) => trainingStepGraph(of, { batch });
  expect(structureOf(step(renamed, 4))).toBe(structureOf(step(network, 4)));
  expect(encodeHash(step(renamed, 4))).not.toBe(encodeHash(step(network, 4)));
  expect(structureOf(step(network, 5))).not.toBe(structureOf(step(network, 4)));
});

function line(kind: string, { name, classes }: Network, of: number | string, graph: Graph): string {
  return `${kind}, ${name} of ${classes}, ${of}: ${encodeHash(graph)} ${structureOf(graph)}`;
}

function encodeHash(graph: Graph): string {
  return shortHash(bytesOf(graph));
}

/** Hash of a graph's nodes, values and constants, each value named by the order in which it first appears. */
function structureOf(graph: Graph): string {
  const { nodes, initializers, inputs, outputs } = graph.content();
  const numbers = new Map<string, number>();
  const numbered = (values: readonly { readonly name: string }[]) =>
    values.map(({ name }) => {
      if (!numbers.has(name)) numbers.set(name, numbers.size);
      return numbers.get(name);
    });
  return shortHash(
    JSON.stringify([
      numbered(inputs),
      nodes.map(({ operator, inputs, outputs, attributes }) => [
        operator,
        numbered(inputs),
        numbered(outputs),
        outputs.map(({ dtype, shape }) => [dtype, shape]),
        attributes,
      ]),
      numbered(outputs),
      numbered(initializers),
      initializers.map(({ tensor }) => [tensor.dtype, tensor.shape, shortHash(tensor.bytes)]),
      inputs.map(({ dtype, shape }) => [dtype, shape]),
    ]),
  );
}

function shortHash(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16);
}

/** Distinct values, made without the random generator, so that its changes do not affect the golden files. */
function orderedParameters(network: Network): Parameters {
  return new Map(
    parameterSpecs(network).map(({ name, shape }) => [
      name,
      Float32Array.from({ length: volume(shape) }, (_, i) => ((i * 7919) % 2003) / 1000 - 1),
    ]),
  );
}
