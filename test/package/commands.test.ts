import { expect, test } from 'vitest';
import { chosenCommand, similarCommand } from '../../package/commands.ts';

test.each([
  [['train', '--epochs', '3'], 'train', ['--epochs', '3']],
  [['setup:cuda', '--remove'], 'setup:cuda', ['--remove']],
  [['setup', 'cuda', '--remove'], 'setup:cuda', ['--remove']],
  [['ablate', '--seeds', '2'], 'ablate', ['--seeds', '2']],
  [['ablate', 'worker'], 'ablate:worker', []],
] as const)('%j is a command', (argv, name, rest) => {
  expect(chosenCommand(argv)).toMatchObject({ name, rest });
});

test.each([
  ['trian', 'train'],
  ['clasify', 'classify'],
  ['EVALUTE', 'evaluate'],
  ['setup', 'setup:tensorflow or setup:cuda'],
  ['predict', 'classify'],
  ['toString', undefined],
  ['xyz', undefined],
])('instead of %s a person may have meant %s', (word, meant) => {
  expect(chosenCommand([word])).toBeUndefined();
  expect(similarCommand(word)).toBe(meant);
});
