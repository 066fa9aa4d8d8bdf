import { expect, test } from 'vitest';
import { networkOf, variantNames } from '../../model/network.ts';
import { describeTable, descriptionRows } from '../../report/description-table.ts';

const reference = networkOf('reference', 25);

/** The cells of the line that begins with a layer's name. */
function lineOf(table: string, layer: string): string[] {
  const line = table.split('\n').find((text) => text.startsWith(`${layer} `));
  return line?.split(/ {2,}/) ?? [];
}

test('the reference at 25 classes is described as computed by hand', () => {
  const table = describeTable(reference, 165, 200);
  // 20 kernels of 5x5 and 20 biases; 60 x 60 x 20 outputs of 25 products; 165 of them in 4 bytes are 45.3
  // MiB.
  expect(lineOf(table, 'conv1')).toEqual([
    'conv1',
    '5x5 kernels',
    '60x60x20',
    '520',
    '1,800,000',
    '45.3 MiB',
    '5',
    '1',
  ]);
  // 500 kernels of 4x4x500 and 500 biases; 2 x 2 x 500 outputs of 8,000 products; sees 32 + 3 x 8 pixels.
  expect(lineOf(table, 'conv4')).toEqual([
    'conv4',
    '4x4 kernels',
    '2x2x500',
    '4,000,500',
    '16,000,000',
    '1.3 MiB',
    '56',
    '8',
  ]);
  expect(lineOf(table, 'total').slice(0, 2)).toEqual(['total', '4,439,095']);
  // 8,192 + 1,800,000 + 16,900,000 + 40,000,000 + 16,000,000 + 12,500
  expect(lineOf(table, 'total')[2]).toBe('74,720,692');
});

test('the memory of a training step is printed below the table, and grows with the batch', () => {
  // 800 MiB; 6 x 4 bytes a parameter; 359,196 values a patch in 4 bytes, 4 x 165 times: 1,893,676,520 bytes.
  expect(describeTable(reference, 165, 200)).toContain(
    'Training with batches of 165 needs about 1.76 GiB of memory at its peak.',
  );
  expect(describeTable(reference, 1, 80)).toMatch(/Training with batches of 1 needs about 1\.\d\d GiB/);
  expect(describeTable(reference, 4096, 80)).toMatch(
    /Training with batches of 4,096 needs about 2\d\.\d\d? GiB/,
  );
});

test('columns are aligned, and those that fit are shown, for every variant, many classes and a large batch', () => {
  for (const variant of variantNames) {
    const lines = describeTable(networkOf(variant, 1000), 4096, 80).split('\n');
    for (const line of lines) expect(line.length, `${variant}: ${line}`).toBeLessThanOrEqual(80);
    expect(lines.some((line) => line.includes('multiply-adds'))).toBe(true);
    const rule = lines.findIndex((line) => line.startsWith('---'));
    const layers = lines.slice(rule + 1, lines.lastIndexOf(lines[rule] ?? ''));
    expect(new Set(layers.map((line) => line.length)).size, variant).toBe(1);
  }
});

test('a variant lists its own layers and nothing of what it removes', () => {
  const { layers } = descriptionRows(networkOf('no-conv4-pool4', 7), 3);
  expect(layers.map(({ layer }) => layer)).not.toContain('conv4');
  expect(layers.find(({ layer }) => layer === 'conv5')?.output).toBe('5x5x7');
});
