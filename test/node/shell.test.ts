import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { commandText, quoted } from '../../node/shell.ts';
import { sourcesThatMatch } from '../support/product-sources.ts';

/** The words that a shell makes of a text. */
function wordsIn(shell: string, text: string): readonly string[] {
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const out = execFileSync(shell, ['-c', `printf '%s\\0' ${text}`], { encoding: 'utf8', env });
  return out.split('\0').slice(0, -1);
}

const words = [
  'runs/a',
  "päth mit #1 50%25 空/it's",
  '',
  ' ',
  '~/photos',
  '=ls',
  '$HOME `id` "x" \\ !! *?[a]{b,c}',
  '-x',
  '; rm -rf /',
];

test.each(['sh', 'bash'])('%s reads every word back as it was', (shell) => {
  expect(wordsIn(shell, words.map(quoted).join(' '))).toEqual(words);
});

test('a plain word does not change', () => {
  expect(commandText('export', '--run', 'runs/no-pool2')).toBe('npm run export -- --run runs/no-pool2');
});

test('a word that a terminal cannot show is printed in escapes, which bash reads back', () => {
  const odd = ["two\nlines it's", 'evil\u001b[2J\\', '\u202eabc\tä'];
  const text = odd.map(quoted).join(' ');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(text).not.toMatch(/[\u0000-\u001f\u202e]/);
  expect(wordsIn('bash', text)).toEqual(odd);
});

test('messages build commands with paths through node/shell.ts, and only node/terminal.ts writes to the terminal', () => {
  expect(sourcesThatMatch(/npm run [a-z:]+ --[^`]*\$\{/)).toEqual([]);
  // In the package they are started with npx. The page has to be built only in the repository.
  expect(sourcesThatMatch(/^(?! *(?:\*|\/\*|\/\/)).*npm run (?!NAME)[a-z]/m)).toEqual(['serve/http/page.ts']);
  // Processes of ours that answer their parent.
  expect(sourcesThatMatch(/process\.std(?:out|err)\.write\((?!JSON|`\$\{JSON)/)).toEqual([
    'setup/cuda/cuda-test.ts',
  ]);
});
