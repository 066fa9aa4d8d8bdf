import { expect, test } from 'vitest';
import { trainingStepBytes } from '../../model/description.ts';
import { networkOf } from '../../model/network.ts';
import { requireMemory } from '../../training/train-run.ts';

const network = networkOf('no-pool1', 7);

test('a batch that does not fit into memory is refused with the largest one that does', () => {
  const available = trainingStepBytes(network, 101);
  requireMemory(network, 101, available);
  expect(() => requireMemory(network, 165, available)).toThrow(
    expect.objectContaining({
      code: 'memory-insufficient',
      message: expect.stringMatching(/no-pool1 with --batch 165 .*--batch 101 should fit$/),
    }),
  );
});

test('where no batch fits, none is advised', () => {
  expect(() => requireMemory(network, 5, trainingStepBytes(network, 1) - 1)).toThrow(
    /no batch is small enough$/,
  );
});
