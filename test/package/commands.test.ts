import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { chosenCommand, similarCommand } from '../../package/commands.ts';
import { startArguments } from '../support/command.ts';

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

test.skipIf(process.platform !== 'linux').each([[['--help']], [['train', '--help']]])(
  '%j on a full disk ends with a message',
  (argv) => {
    const { status, stderr } = spawnSync(
      process.execPath,
      [...startArguments('package/textura.ts'), ...argv],
      { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'], encoding: 'utf8' },
    );
    expect([status, stderr]).toEqual([
      2,
      'textura: standard output: cannot be written: no space is left on the disk (ENOSPC)\n',
    ]);
  },
);
