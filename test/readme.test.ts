/** The commands of the README and of the guides work as they stand there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { classifyAnswerSchema } from '../model/service.ts';
import { runProgram } from '../node/program.ts';
import { runScript } from './support/command.ts';
import { freshHome } from './support/fresh-home.ts';
import { runService } from './support/running-service.ts';
import { smallPhotographs } from './support/small-photographs.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const text = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };

/** Pages whose commands follow one another in a folder with photographs. */
const pages = ['README', 'docs/tutorial', 'docs/training', 'docs/evaluation', 'docs/export', 'docs/ablation'];
/** Pages whose commands need nothing, or have tests of their own. */
const others = [
  'docs/classify',
  'docs/engines',
  'docs/page',
  'docs/package',
  'docs/reference',
  'docs/gallery',
  'docs/training-step',
];
const linesOf = (page: string) =>
  [...text(`${page}.md`).matchAll(/^```sh\n([^`]*)```/gm)]
    .flatMap(([, block = '']) => block.trim().split('\n'))
    .flatMap((line) => line.split(' && '));

/** Cuts training short; the commands are otherwise as they stand on the page. */
const short = ['--epochs', '1', '--patches-per-epoch', '5', '--batch', '3'];
const cut: Readonly<Record<string, readonly string[]>> = {
  train: short,
  // The recipe's rate is too high for batches of three.
  ablate: [...short, '--learning-rate', '0.005', '--variants', 'lab-baseline', '--seeds', '1'],
};

interface Command {
  readonly line: string;
  readonly name: string;
  readonly args: readonly string[];
}

/** `npm run NAME -- ARGS`, cut short where it would train for long. */
function commandOf(line: string): Command {
  const [name = '', ...given] = line.replace('npm run ', '').replace(' -- ', ' ').split(' ');
  const begins = !given.includes('--resume') && !given.includes('--describe');
  const shortened = begins ? (cut[name] ?? []) : [];
  // Options that the cut replaces, with their values.
  const isCut = (arg = '') => arg.startsWith('--') && shortened.includes(arg);
  const args = given.filter((arg, i) => !isCut(arg) && !isCut(given[i - 1]));
  // Two folds show what five do.
  const folds = args.map((arg, i) => (args[i - 1] === '--folds' ? '2' : arg));
  return { line, name, args: [...folds, ...shortened] };
}

/**
 * Run elsewhere: quickstart is these same commands and takes a minute; TensorFlow's setup, the page, the package
 * and the documentation have tests of their own; the service is asked below.
 */
const ranElsewhere = ['quickstart', 'setup:tensorflow', 'serve', 'demo', 'build', 'build:package'];
const lines = [...pages, ...others].flatMap(linesOf);
/** The npm commands of `pages`, each once. */
const commands = [
  ...new Map(
    [...pages, 'docs/engines']
      .flatMap(linesOf)
      .filter((line) => line.startsWith('npm run '))
      .map(commandOf)
      .map((command) => [JSON.stringify([command.name, command.args]), command] as const),
  ).values(),
];
const curls = [...new Set(lines.filter((line) => line.startsWith('curl ')))];

test('every command in the README and the guides is a script of package.json', () => {
  const all = [...pages, ...others].map((page) => text(`${page}.md`)).join('\n');
  const named = [...all.matchAll(/npm run ([\w:]+(?:-\w+)*)/g)].map(([, name = '']) => name);
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  expect(commands.length).toBeGreaterThan(10);
  // Nothing in a shell block that this file would not run.
  const known = /^(npm (ci|test)$|npm run |curl |export TEXTURA_API_KEY=)/;
  expect(lines.filter((line) => !known.test(line))).toEqual([]);
});

test('the README has fewer than 200 lines', () => {
  expect(text('README.md').split('\n').length).toBeLessThan(200);
});

test('the commands work one after another on a folder of photographs, and leave nothing in the home folder', {
  timeout: 480_000,
}, async () => {
  const folder = await temporaryFolder({
    ...(await smallPhotographs('photos', ['brick', 'knit'], 5)),
    ...(await smallPhotographs('strangers', ['water'], 2)),
  });
  const home = await freshHome(folder);
  for (const { line, name, args } of commands.filter((command) => !ranElsewhere.includes(command.name))) {
    const script = scripts[name]?.split(' ').at(-1) ?? '';
    const result = await runScript(script, args, { cwd: folder, env: home.env });
    expect(result, `${line}\n${result.stderr}`).toMatchObject({ status: 0 });
    expect(result.stderr, line).toBe('');
    expect(home.contents(), line).toEqual([]);
  }
  await askServices(folder);
});

/** The curl commands get answers from the models in the folder: those with a key from a service that wants one. */
async function askServices(folder: string): Promise<void> {
  const [choice = ''] = lines.filter((line) => line.startsWith('export TEXTURA_API_KEY='));
  const { stdout } = await runProgram('sh', ['-c', `${choice}; printf %s "$TEXTURA_API_KEY"`]);
  const withKey = (line: string) => line.includes('TEXTURA_API_KEY');
  const open = await runService(join(folder, 'models'));
  const locked = await runService(join(folder, 'models'), { host: '0.0.0.0' }, { TEXTURA_API_KEY: stdout });
  try {
    expect(curls.filter(withKey)).toHaveLength(1);
    expect(curls.length).toBeGreaterThan(2);
    for (const line of curls) {
      const { port } = new URL((withKey(line) ? locked : open).address);
      const ask = (command: string) => {
        const here = command.replace('127.0.0.1:8080', `127.0.0.1:${port}`);
        const env = { TEXTURA_API_KEY: stdout };
        return runProgram('sh', ['-c', here.replace('curl', 'curl --silent --max-time 20')], {
          cwd: folder,
          env,
        });
      };
      const answer = JSON.parse((await ask(line)).stdout);
      if (line.includes('/readyz')) {
        expect(answer, line).toEqual({ status: 'ready' });
        continue;
      }
      const [result] = classifyAnswerSchema.parse(answer).results;
      expect(result?.predictions.map(({ label }) => label).sort(), line).toEqual(['brick', 'knit']);
      if (!withKey(line)) continue;
      const refused = await ask(line.replace(/-H "[^"]*"/, ''));
      expect(JSON.parse(refused.stdout), line).toMatchObject({ status: 401 });
    }
  } finally {
    await open.close();
    await locked.close();
  }
}
