import { describe, expect, test } from 'vitest';
import { forwardGraph } from '../../graph/forward.ts';
import { describeModel } from '../../graph/onnx/description.ts';
import { modelParameters } from '../../graph/onnx/initializers.ts';
import { decodeMessage } from '../../graph/onnx/protobuf.ts';
import { noTemperatures } from '../../model/calibration.ts';
import { graphNames } from '../../model/graph-names.ts';
import { metadataKeys } from '../../model/model-file.ts';
import { classifierOf, networkOf } from '../../model/network.ts';
import { parameter } from '../../model/parameters.ts';
import { inputPx, patchBytes } from '../../model/patch.ts';
import { randomStream } from '../../model/random.ts';
import { Tensor } from '../../node/onnxruntime.ts';
import { modelContents } from '../../web-demo/shared/model-contents.ts';
import { folderName, knownSurfaces, splitSurfaces, surfacesFault } from '../../web-demo/shared/surfaces.ts';
import { type Head, type HeadStep, trainHead } from '../../web-demo/worker/head-training.ts';
import {
  featuresGraph,
  pooledFeatures,
  taughtModel,
  taughtNetwork,
  taughtParameters,
} from '../../web-demo/worker/taught-network.ts';
import { bytesOf, largestDifference, runModel, runOnPatches } from '../support/onnx-session.ts';
import { randomParameters, randomPatches, taughtYard } from '../support/random-network.ts';
import { tolerances } from '../tolerances.ts';

function train(features: Parameters<typeof trainHead>[0], classes: number) {
  const steps: HeadStep[] = [];
  const training = trainHead(features, classes);
  for (;;) {
    const { value, done } = training.next();
    if (done) return { head: value as Head, steps };
    steps.push(value as HeadStep);
  }
}

/** Three separate clusters, with features of very different scales and a constant one. */
function clouds(count: number) {
  const random = randomStream(5, 'clouds');
  const classes = Int32Array.from({ length: count }, (_, i) => i % 3);
  const values = Float32Array.from(classes, () => 0);
  const rows = Array.from(classes, (c) => [
    1000 + 3 * (c === 0 ? 4 : 0) + 3 * random.normal(),
    0.01 * ((c === 1 ? 4 : 0) + random.normal()),
    random.normal(),
    7,
  ]);
  return { values: Float32Array.from(rows.flat()), size: 4, classes, rows: values };
}

describe('the last layer', () => {
  test('separates clusters whatever the scale of their features', () => {
    const features = clouds(90);
    const { head, steps } = train(features, 3);
    const wrong = Array.from(features.classes).filter((own, row) => {
      const logits = [0, 1, 2].map((c) =>
        [0, 1, 2, 3].reduce(
          (sum, i) => sum + (head.weights[c * 4 + i] ?? 0) * (features.values[row * 4 + i] ?? 0),
          head.biases[c] ?? 0,
        ),
      );
      return logits.indexOf(Math.max(...logits)) !== own;
    });
    expect(wrong.length).toBeLessThan(9);
    expect(steps[0]?.loss).toBeCloseTo(Math.log(3), 5);
    expect(steps.at(-1)?.loss).toBeLessThan(0.3);
  });

  test('weights every surface equally, however many patches it has', () => {
    const classes = Int32Array.from({ length: 100 }, (_, i) => (i < 95 ? 0 : 1));
    const values = Float32Array.from(classes, () => 0);
    const { head } = train({ values, size: 1, classes }, 2);
    expect(head.biases[0]).toBeCloseTo(head.biases[1] ?? Number.NaN, 5);
  });

  for (const variant of ['reference', 'no-pool2', 'no-conv4-pool4', 'lab-baseline'] as const) {
    test(`on averaged features computes the logits of the network: ${variant}`, async () => {
      const network = networkOf(variant, 4, { width: 0.1 });
      const parameters = randomParameters(network, 21);
      const patches = randomPatches(3, 22);
      const { graph, output, shape } = featuresGraph(network, parameters);
      const image = new Tensor('float32', Float32Array.from(patches), [3, 1, inputPx, inputPx]);
      const outputs = await runModel(bytesOf(graph), { [graphNames.image]: image });
      const classifier = classifierOf(network);
      const { values, size } = pooledFeatures(
        Float32Array.from(outputs[output]?.values ?? []),
        shape,
        classifier.kernelPx,
      );
      const [weights, biases] = ['kernel', 'bias'].map((part) =>
        parameter(parameters, `${classifier.name}.${part}`),
      );
      const logits = Array.from({ length: 3 * 4 }, (_, at) => {
        const [row, c] = [Math.floor(at / 4), at % 4];
        let sum = biases?.[c] ?? 0;
        for (let i = 0; i < size; i++) sum += (weights?.[c * size + i] ?? 0) * (values[row * size + i] ?? 0);
        return sum;
      });
      const whole = await runOnPatches(bytesOf(forwardGraph(network, parameters, { opset: 17 })), patches);
      expect(largestDifference(logits, whole.logits.values)).toBeLessThan(tolerances.engineLogit);
    });
  }

  test('makes a file with the model signature, which the page reads back', async () => {
    const base = networkOf('lab-baseline', 6);
    const network = taughtNetwork(base, 2);
    const { kernelPx } = classifierOf(base);
    const size = 50 * kernelPx ** 2;
    const head = { weights: new Float32Array(2 * size).fill(0.001), biases: Float32Array.of(0.5, -0.5) };
    const parameters = taughtParameters(base, randomParameters(base, 3), head);
    const bytes = taughtModel(network, parameters, { ...taughtYard, labels: ['10', 'é'] });
    expect(modelContents(bytes, 'taught')).toEqual({
      labels: ['10', 'é'],
      patchPx: 80,
      network,
      temperatures: noTemperatures,
      known: undefined,
    });
    const described = decodeMessage('Model', bytes, 'taught').graph?.input?.[0]?.docString;
    expect(described).toContain('a square of 80x80 pixels');
    const { metadata } = describeModel(bytes, 'taught');
    expect(JSON.parse(metadata[metadataKeys.run] ?? '')).toMatchObject({ name: 'yard', depth: 'head' });
    const read = modelParameters(bytes, network, 'taught');
    expect(read.get('conv3.bias')).toEqual(head.biases);
    expect(read.get('conv1.kernel')).toEqual(parameters.get('conv1.kernel'));
    const { probabilities } = await runOnPatches(bytes, randomPatches(1, 4));
    expect(probabilities.values[0]).toBeCloseTo(1 / (1 + Math.exp(-1)), 5);
  });
});

describe('surfaces', () => {
  const surface = (name: string, count: number, colour = 0) => ({
    id: name,
    name,
    colour,
    patches: Array.from({ length: count }, (_, i) => new Uint8Array(patchBytes).fill(i)),
  });

  test('can be trained on when two have different names and five patches', () => {
    expect(surfacesFault([surface('a', 5), surface('b', 5)])).toBeUndefined();
    expect(surfacesFault([surface('a', 5)])).toBe('patches');
    expect(surfacesFault([surface('a', 5), surface('b', 4)])).toBe('patches');
    expect(surfacesFault([surface('a', 5), surface('  a ', 5)])).toBe('names');
    expect(surfacesFault([surface('oak', 5), surface('Oak', 5)])).toBe('names');
    expect(surfacesFault([surface('a', 5), surface(' ', 5)])).toBe('unnamed');
  });

  test('have names that are composed Unicode and valid folder names', () => {
    expect(folderName('Gro\u0308ße')).toBe('Größe');
    for (const name of ['', ' ', '.git', '..', 'a/b', 'a\\b', 'a\u0000', 'x'.repeat(201), 'con:', 'end.']) {
      expect(folderName(name), name).toBeUndefined();
    }
  });

  test('are the same if their names are, also names that are no folder names; surfaces without a name are not', () => {
    const known = ['', 'Größe', 'oak/ash', ' '];
    expect(knownSurfaces(known, ['Gro\u0308ße ', 'oak/ash', 'oak/elm', '', ' '])).toEqual([1, 2, -1, -1, -1]);
  });

  test('that differ only by spaces stay apart when a project is imported, once or again', () => {
    const names = ['X', 'X ', 'X'];
    expect(knownSurfaces([], names)).toEqual([-1, -1, -1]);
    expect(knownSurfaces(names, names)).toEqual([0, 1, 2]);
    expect(knownSurfaces(['X'], ['X ', 'X', 'x'])).toEqual([-1, 0, -1]);
    expect(knownSurfaces(['X ', 'X'], ['X'])).toEqual([1]);
  });

  test('are split: the last fifth of each is held out, and labels are in code-point order', () => {
    const { labels, colours, training, heldOut } = splitSurfaces([
      surface('é', 10, 0),
      surface('2', 5, 1),
      surface('10', 7, 4),
    ]);
    expect(labels).toEqual(['10', '2', 'é']);
    expect(colours).toEqual([4, 1, 0]);
    // The trainer's order, which UTF-16 units do not have.
    const wide = splitSurfaces([surface('\u{1f9f1}', 5, 0), surface('\uff5e', 5, 1)]);
    expect(wide.labels).toEqual(['\uff5e', '\u{1f9f1}']);
    expect(heldOut.patches.map(([first]) => first)).toEqual([6, 4, 8, 9]);
    expect([...heldOut.classes]).toEqual([0, 1, 2, 2]);
    expect(training.patches).toHaveLength(18);
  });
});
