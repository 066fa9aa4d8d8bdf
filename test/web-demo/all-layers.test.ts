import { expect, test } from 'vitest';
import { networkOf } from '../../model/network.ts';
import { initialParameters } from '../../model/parameters.ts';
import { cutPatch } from '../../model/patch.ts';
import { randomStream } from '../../model/random.ts';
import { InferenceSession, Tensor } from '../../node/onnxruntime.ts';
import { drawTexture } from '../../textures/textures.ts';
import type { TeachingProgress } from '../../web-demo/shared/teaching-api.ts';
import { trainAllLayers } from '../../web-demo/worker/all-layers.ts';
import type { Runtime } from '../../web-demo/worker/tensors.ts';

/** onnxruntime-node instead of onnxruntime-web, with the same graphs and tensors. */
const runtime: Runtime = {
  threads: 1,
  Tensor,
  open: (model) => InferenceSession.create(model),
};

/** Patches of two textures, alternating. */
function examples(count: number) {
  const random = randomStream(2, 'lesson of a test');
  const pictures = [drawTexture('brick', 9, 1, 160, 130), drawTexture('fur', 9, 1, 160, 130)];
  const classes = Int32Array.from({ length: count }, (_, i) => i % 2);
  const patches = Array.from(classes, (c) => {
    const at = { x: random.integer(0, 96), y: random.integer(0, 66) };
    return cutPatch(pictures[c] ?? drawTexture('fur', 9, 1, 160, 130), at, 64);
  });
  return { patches, classes };
}

test('training all layers lowers the loss, reports each step and changes all values', async () => {
  const network = networkOf('reference', 2, { width: 0.2 });
  const initial = initialParameters(network, 3);
  const reported: TeachingProgress[] = [];
  const trained = await trainAllLayers(runtime, network, initial, examples(40), (each) =>
    reported.push(each),
  );
  const losses = reported.map(({ loss }) => loss ?? Number.NaN);
  // Three batches a pass, the last of them not full.
  expect(losses).toHaveLength(30);
  expect(reported.at(-1)).toMatchObject({ done: 30, total: 30 });
  expect(losses[0]).toBeCloseTo(Math.log(2), 1);
  expect(losses.at(-1)).toBeLessThan(0.9 * (losses[0] ?? 0));
  for (const [name, values] of trained) expect(values, name).not.toEqual(initial.get(name));
}, 60_000);

test('training that ends no better than guessing is an error', async () => {
  const network = networkOf('reference', 2, { width: 0.2 });
  const { patches } = examples(24);
  // The same patches under both names: there is nothing to learn.
  const both = {
    patches: [...patches, ...patches],
    classes: Int32Array.from({ length: 48 }, (_, i) => (i < 24 ? 0 : 1)),
  };
  await expect(
    trainAllLayers(runtime, network, initialParameters(network, 3), both, () => {}),
  ).rejects.toMatchObject({ code: 'diverged' });
}, 60_000);
