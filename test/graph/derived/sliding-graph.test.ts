import { describe, expect, test } from 'vitest';
import { multiplyAddsOf } from '../../../graph/builder.ts';
import { type SlidingGraph, slidingGraph, slidingNames } from '../../../graph/derived/sliding-graph.ts';
import { forwardGraph } from '../../../graph/forward.ts';
import { modelKnownMaps } from '../../../graph/onnx/initializers.ts';
import { describeLayers } from '../../../model/description.ts';
import { foldBatchNorm } from '../../../model/fold-batch-norm.ts';
import type { GreyImage } from '../../../model/image.ts';
import { type Network, networkNames, networkOf } from '../../../model/network.ts';
import type { Parameters } from '../../../model/parameters.ts';
import { cutPatch, inputPx, patchBytes } from '../../../model/patch.ts';
import { Tensor } from '../../../node/onnxruntime.ts';
import { drawTexture } from '../../../textures/textures.ts';
import { standardiseLocally } from '../../../web-demo/worker/local-standardisation.ts';
import { bytesOf, largestDifference, runModel, runOnPatches } from '../../support/onnx-session.ts';
import { randomKnownMaps, randomParameters } from '../../support/random-network.ts';
import { tolerances } from '../../tolerances.ts';

const classes = 3;
const picture = drawTexture('foliage', 3, 1, 141, 109);

/** Probabilities `[places,C]` of the squares at every `stride` pixels, one by one. */
async function patchByPatch(network: Network, parameters: Parameters, image: GreyImage, stride: number) {
  const rows = Math.floor((image.height - inputPx) / stride) + 1;
  const columns = Math.floor((image.width - inputPx) / stride) + 1;
  const patches = new Uint8Array(rows * columns * patchBytes);
  for (let i = 0; i < rows * columns; i++) {
    const position = { x: (i % columns) * stride, y: Math.floor(i / columns) * stride };
    cutPatch(image, position, inputPx, patches.subarray(i * patchBytes, (i + 1) * patchBytes));
  }
  const { probabilities } = await runOnPatches(
    bytesOf(forwardGraph(network, parameters, { opset: 17, temperature })),
    patches,
  );
  return { rows, columns, probabilities: probabilities.values };
}

/** Of the probabilities. */
const temperature = 1.25;

/** The sliding graph's probabilities `[C,rows,columns]`. */
async function slid(
  network: Network,
  parameters: Parameters,
  values: Float32Array,
  image: GreyImage,
  isCoarse: boolean,
) {
  const { width, height } = image;
  const { graph, stridePx } = slidingGraph(network, parameters, { width, height, isCoarse }, temperature);
  const outputs = await runModel(bytesOf(graph), {
    [slidingNames.picture]: new Tensor('float32', values, [1, 1, height, width]),
  });
  return { stridePx, ...outputs[slidingNames.probabilities] };
}

describe('a network that slides over a picture', () => {
  for (const variant of networkNames) {
    test(`has the probabilities of the square at every position: ${variant}`, async () => {
      // Without standardisation by patch, overlapping squares have all their values in common.
      const trained = networkOf(variant, classes, { width: 0.4, meanGrey: 117 });
      const { network, parameters } = foldBatchNorm({
        network: trained,
        parameters: randomParameters(trained, 11),
      });
      const values = Float32Array.from(picture.data);
      for (const isCoarse of [false, true]) {
        const {
          stridePx,
          shape = [],
          values: probabilities = [],
        } = await slid(network, parameters, values, picture, isCoarse);
        const expected = await patchByPatch(network, parameters, picture, stridePx);
        expect(shape.slice(0, 2)).toEqual([1, classes]);
        const [, , rows = 0, columns = 0] = shape;
        expect([rows, columns]).toEqual([expected.rows, expected.columns]);
        const places = rows * columns;
        const transposed = Float32Array.from({ length: places * classes }, (_, i) => {
          return probabilities[(i % classes) * places + Math.floor(i / classes)] ?? Number.NaN;
        });
        expect(largestDifference(transposed, expected.probabilities)).toBeLessThan(tolerances.probability);
      }
    });
  }

  test('has the known score of the square at every position', async () => {
    const trained = networkOf('texture-net', classes, { width: 0.4, meanGrey: 117 });
    const { network, parameters } = foldBatchNorm({
      network: trained,
      parameters: randomParameters(trained, 11),
    });
    const known = randomKnownMaps(network, classes);
    const { width, height } = picture;
    const plan = { width, height, isCoarse: true };
    const { graph, stridePx } = slidingGraph(network, parameters, plan, temperature, known);
    const outputs = await runModel(bytesOf(graph), {
      [slidingNames.picture]: new Tensor('float32', Float32Array.from(picture.data), [1, 1, height, width]),
    });
    const { shape, values = [] } = outputs[slidingNames.knownScore] ?? {};
    const bytes = bytesOf(forwardGraph(network, parameters, { opset: 17, known }));
    expect(modelKnownMaps(bytes, 'test')).toEqual(known);
    const [rows, columns] = [height, width].map((px) => Math.floor((px - inputPx) / stridePx) + 1);
    expect(shape).toEqual([1, (rows ?? 0) * (columns ?? 0)]);
    for (const [i, score] of [...values].entries()) {
      const at = { x: (i % (columns ?? 1)) * stridePx, y: Math.floor(i / (columns ?? 1)) * stridePx };
      const patch = Float32Array.from(cutPatch(picture, at, inputPx));
      const one = await runModel(bytes, { image: new Tensor('float32', patch, [1, 1, inputPx, inputPx]) });
      const expected = one[slidingNames.knownScore]?.values[0] ?? Number.NaN;
      expect(Math.abs(score - expected)).toBeLessThan(tolerances.engineLogit);
    }
  });

  test('needs less than a third of the multiplications of direct convolutions, and fewer still for every second position', () => {
    const network = networkOf('reference', classes, { width: 0.4 });
    const parameters = randomParameters(network, 11);
    const size = { width: 300, height: 260 };
    const fine = slidingGraph(network, parameters, { ...size, isCoarse: false });
    const coarse = slidingGraph(network, parameters, { ...size, isCoarse: true });
    expect([fine.stridePx, coarse.stridePx]).toEqual([16, 32]);
    const { width, height } = size;
    // What `model/` counts for one patch, had it this size: the same layers on larger planes.
    const direct = describeLayers(network).reduce((sum, { layer, inputShape, outputShape, stridePx }) => {
      if (layer.kind !== 'convolution') return sum;
      const plane = (width / stridePx) * (height / stridePx);
      return sum + plane * outputShape[0] * inputShape[0] * layer.kernelPx ** 2;
    }, 0);
    const products = ({ graph }: SlidingGraph) =>
      graph.content().nodes.reduce((sum, node) => sum + multiplyAddsOf(node), 0);
    expect(products(fine) / direct).toBeLessThan(0.3);
    expect(products(coarse) / products(fine)).toBeLessThan(0.75);
  });
});

describe('local standardisation', () => {
  test('of a picture of one patch is the standardisation of the patch', () => {
    const image = drawTexture('brick', 3, 2, inputPx, inputPx);
    const mean = image.data.reduce((sum, level) => sum + level, 0) / patchBytes;
    const variance = image.data.reduce((sum, level) => sum + (level - mean) ** 2, 0) / patchBytes;
    const expected = Float32Array.from(image.data, (level) => (level - mean) / Math.sqrt(variance + 1));
    expect(largestDifference(standardiseLocally(image, 1), expected)).toBeLessThan(tolerances.float32);
  });

  test('uses the square around each pixel: a brighter half does not darken the other', () => {
    const width = 260;
    const data = Uint8Array.from({ length: width * 70 }, (_, i) => (i % width < 130 ? i % 7 : 200 + (i % 7)));
    const values = standardiseLocally({ data, width, height: 70 }, 1);
    const rowFrom = (start: number) => values.subarray(35 * width + start, 35 * width + start + 30);
    for (const half of [rowFrom(10), rowFrom(220)]) {
      expect(Math.min(...half)).toBeLessThan(-1);
      expect(Math.max(...half)).toBeGreaterThan(1);
    }
  });

  test('of a flat picture is zero', () => {
    const flat = { data: new Uint8Array(70 * 65).fill(9), width: 70, height: 65 };
    expect(standardiseLocally(flat, 1).every((value) => value === 0)).toBe(true);
  });
});
