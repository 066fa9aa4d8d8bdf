import { expect, test } from 'vitest';
import type { DatasetImage } from '../../../training/data/dataset.ts';
import { validatedImages } from '../../../training/run/validated-images.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

function image(name: string): DatasetImage {
  const source = { kind: 'file', path: name } as const;
  return { name, source, label: 0, width: 70, height: 66, meanGrey: 128, contentHash: name };
}

test('each photograph has its patches, the wrong ones among them, and the class of its averaged logits', () => {
  const position = { x: 0, y: 0 };
  const grid = [0, 0, 0, 1, 1].map((index) => ({ image: index, position }));
  const logits = Float32Array.from([
    ...[9, 0, 0, 0, 0, 0, 0],
    ...[1, 2, 0, 0, 0, 0, 0],
    ...[0, 1, 2, 3, 4, 5, 6],
    ...[0, 0, 0, 0, 0, 1, 0],
    ...[0, 0, 0, 0, 0, 0, 4],
  ]);
  const labels = Int32Array.of(0, 0, 0, 5, 5);
  expect(validatedImages({ labels, logits }, names, grid, [image('a/1.png'), image('f/2.png')])).toEqual([
    { image: 'a/1.png', label: 'a', patches: 3, wrong: 2, top5_wrong: 1, photograph_prediction: 'a' },
    { image: 'f/2.png', label: 'f', patches: 2, wrong: 1, top5_wrong: 1, photograph_prediction: 'g' },
  ]);
});
