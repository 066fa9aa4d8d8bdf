/** What is printed can be pasted, and shows names from outside without obeying them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { compiledCopy } from '../node/own-module.ts';
import { runHere } from './support/command.ts';
import { smallPhotographs } from './support/small-photographs.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const repository = fileURLToPath(new URL('../', import.meta.url));
const awkward = "päth mit #1 50%25 空/it's";

/** Pastes a command into a shell in `cwd`, where `npm run NAME` starts the script of our package.json. */
function paste(command: string, cwd: string) {
  const npm = `npm() { script=$(node -p 'require(process.env.HOME_OF_IT + "package.json").scripts[process.argv[1]].split(" ").at(-1)' "$2"); shift 3; node "$COMPILED/\${script%.ts}.js" "$@"; }`;
  const env = { ...process.env, HOME_OF_IT: repository, COMPILED: join(repository, compiledCopy) };
  return spawnSync('sh', ['-c', `${npm}\n${command}`], { cwd, env, encoding: 'utf8' });
}

test.skipIf(process.platform === 'win32')(
  'data, runs and models have paths with shell metacharacters and names with terminal control characters',
  { timeout: 120_000 },
  async () => {
    const folder = await temporaryFolder(await smallPhotographs('photos', ['brick', 'knit', 'water'], 5));
    const data = join(folder, awkward, 'photos');
    await mkdir(join(folder, awkward), { recursive: true });
    await rename(join(folder, 'photos'), data);
    await rename(join(data, 'knit'), join(data, 'two\nlines'));
    await rename(join(data, 'water'), join(data, 'evil\u001b[2J\u202e'));
    const odd = join(data, 'brick', 'e\u001b[31m\nrc=0 line.png');
    await rename(join(data, 'brick', '00.png'), odd);
    execFileSync('cp', [odd, join(data, 'brick', 'copy\u009b1A.png')]);

    const short = ['--epochs', '1', '--patches-per-epoch', '5', '--batch', '5', '--variant', 'lab-baseline'];
    const args = ['--data', data, '--engine', 'onnx', ...short, '--out', `${awkward}/runs/a b`];
    const trained = await runHere('training/train.ts', args, { cwd: folder });
    expect(trained, trained.stderr).toMatchObject({ status: 0, stderr: '' });
    expect(trained.stdout).toContain('e\\u001b[31m\\nrc=0 line.png');

    const next = trained.stdout.match(/^Next: +(npm run export .*)$/m)?.[1] ?? '';
    const exported = paste(next, folder);
    expect(exported, `${next}\n${exported.stderr}`).toMatchObject({ status: 0, stderr: '' });
    expect(exported.stdout).toContain(`from ${awkward}/runs/a b, epoch 1`);

    const model = join(folder, awkward, 'lab.onnx');
    await rename(join(folder, 'models/lab-baseline.onnx'), model);
    const named = await runHere('serve/classify.ts', ['--model', model, odd], { cwd: folder });
    expect(named, named.stderr).toMatchObject({ status: 0, stderr: '' });
    expect(named.stdout).toContain('two\\nlines');
    expect(named.stdout).toContain('evil\\u001b[2J\\u202e');
    const json = await runHere('serve/classify.ts', ['--model', model, '--json', odd], { cwd: folder });
    expect(JSON.parse(json.stdout).results[0].file).toBe(odd);
    const missing = await runHere('serve/classify.ts', ['--model', model, `${odd}\n`], { cwd: folder });
    expect(missing).toMatchObject({ status: 3, stdout: '' });
    expect(missing.stderr.trimEnd().split('\n'), 'one sentence, one line').toHaveLength(1);

    for (const { stdout, stderr } of [trained, exported, named, json, missing]) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    }
  },
);
