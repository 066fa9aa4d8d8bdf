import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runScript } from './support/command.ts';
import { freshHome } from './support/fresh-home.ts';
import { smallPhotographs } from './support/small-photographs.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  scripts: Record<string, string>;
};

/** Each `npm run NAME -- ARGS` of the shell blocks, in the order of the page. */
const commands = [...readme.matchAll(/^```sh\n([^`]*)```/gm)]
  .flatMap(([, block = '']) => block.trim().split('\n'))
  .flatMap((line) => line.split(' && '))
  .filter((line) => line.startsWith('npm run '))
  .map((line) => {
    const [name = '', ...args] = line.replace('npm run ', '').replace(' -- ', ' ').split(' ');
    return { line, name, args };
  });

/**
 * Run elsewhere: quickstart is these same commands and takes a minute; TensorFlow's setup, the service, the
 * page and the package have tests of their own.
 */
const ranElsewhere = ['quickstart', 'setup:tensorflow', 'serve', 'demo', 'build', 'build:package'];
/** Cuts training short; the commands are otherwise as they stand on the page. */
const short = ['--epochs', '1', '--patches-per-epoch', '5', '--batch', '3'];
const cut: Readonly<Record<string, readonly string[]>> = {
  train: short,
  // The recipe's rate is too high for batches of three.
  ablate: [...short, '--learning-rate', '0.005', '--variants', 'lab-baseline', '--seeds', '1'],
};

test('every command in the README is a script of package.json', () => {
  const named = [...readme.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name);
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  expect(commands.length).toBeGreaterThan(6);
});

test('the commands of the README work one after another on a folder of photographs, and leave nothing in the home folder', {
  timeout: 240_000,
}, async () => {
  const folder = await temporaryFolder(await smallPhotographs('photos', ['brick', 'knit'], 5));
  const home = await freshHome(folder);
  for (const { line, name, args } of commands.filter((command) => !ranElsewhere.includes(command.name))) {
    const script = scripts[name]?.split(' ').at(-1) ?? '';
    const begins = !args.includes('--resume') && !args.includes('--describe');
    const shortened = begins ? [...args, ...(cut[name] ?? [])] : args;
    const result = await runScript(script, shortened, { cwd: folder, env: home.env });
    expect(result, `${line}\n${result.stderr}`).toMatchObject({ status: 0 });
    expect(result.stderr, line).toBe('');
    expect(home.contents(), line).toEqual([]);
  }
});
