/** The package in the folder of a person who installed it: what it prints, starts and needs. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { productVersion } from '../../node/product-version.ts';
import { runProgram } from '../../node/program.ts';
import { type InstalledPackage, installPackage } from '../support/installed-package.ts';
import { pngFile } from '../support/pictures.ts';
import { exportModels } from '../support/running-service.ts';

const listSchema = z.array(
  z.strictObject({
    name: z.string(),
    own: z.string(),
    width: z.number(),
    grouped: z.array(z.string()),
    flags: z.number(),
    options: z.array(z.string()),
  }),
);

let installed: InstalledPackage;
beforeAll(async () => {
  installed = await installPackage();
  await exportModels(join(installed.folder, 'models'), [{ variant: 'lab-baseline', width: 0.2 }]);
});
afterAll(() => installed.remove());

test('npx textura lists its commands in 80 columns with the exit statuses, and has a version', async () => {
  const overview = await installed.textura();
  expect(overview).toMatchObject({ status: 0, stderr: '' });
  expect(overview.stdout).toMatch(/^Usage: npx textura COMMAND/);
  expect(overview.stdout).toMatch(/\n {2}train +train a network/);
  expect(overview.stdout).toContain('Exit status: 0 success');
  expect(Math.max(...overview.stdout.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
  expect(await installed.textura('--version')).toMatchObject({ status: 0, stdout: `${productVersion()}\n` });
});

test('a mistyped command is refused with the one that it resembles', async () => {
  expect(await installed.textura('trian', '--epochs', '3')).toMatchObject({
    status: 2,
    stdout: '',
    stderr:
      'textura: there is no command "trian". Did you mean train? npx textura --help lists the commands.\n',
  });
});

test('messages name commands as npx starts them', async () => {
  const { status, stderr } = await installed.textura('classify', '--model', 'none.onnx', 'a.png');
  expect({ status, stderr }).toEqual({ status: 3, stderr: 'classify: none.onnx: there is no such file\n' });
  const help = await installed.textura('classify', '--help');
  expect(help.stdout).toMatch(/^Usage: npx textura classify \[options\] \[image\.\.\.\]\n/);
  expect(help.stdout).toMatch(/ONNX file made by npx textura\s+export/);
  expect(help.stdout).toMatch(/a relative path starts in the current\s+folder/);
});

test('each command of the list has the name of its definition, its options in groups once, and a help of 80 columns', async () => {
  const script = `
    const { commands } = await import(process.argv[1] + '/package/commands.js');
    const { commanderOf } = await import(process.argv[1] + '/node/command-line.js');
    const list = await Promise.all(Object.entries(commands).map(async ([name, { load }]) => {
      const { command } = await load();
      const help = commanderOf(command).configureOutput({ getOutHelpWidth: () => 80 }).helpInformation();
      const grouped = Object.values(command.groups ?? {}).flat();
      const flags = help.match(/^ {2}--[a-z]/gm) ?? [];
      return { name, own: command.name, width: Math.max(...help.split('\\n').map((line) => line.length)),
        grouped, flags: flags.length, options: Object.keys(command.options.shape) };
    }));
    console.log(JSON.stringify(list));`;
  const code = join(installed.own, 'dist/code');
  const { stdout, stderr } = await runProgram(process.execPath, ['--input-type=module', '-e', script, code]);
  expect(stderr).toBe('');
  const list = listSchema.parse(JSON.parse(stdout));
  expect(list.map(({ name }) => name)).toContain('train');
  for (const { name, own, width, grouped, flags, options } of list) {
    expect(own).toBe(name);
    expect(width, name).toBeLessThanOrEqual(80);
    expect(flags, name).toBe(options.length);
    if (grouped.length > 0) expect(grouped.toSorted(), name).toEqual(options.toSorted());
  }
});

test('what needs an optional package says how to install it', async () => {
  const queue = await installed.textura('ablate:worker');
  expect(queue).toMatchObject({
    status: 2,
    stderr:
      'ablate:worker: ablate:worker needs packages that are not installed: npm install --ignore-scripts bullmq@6.7.0 ioredis@6.0.0\n',
  });
  const tensorflow = await installed.textura('setup:tensorflow');
  expect(tensorflow).toMatchObject({ status: 2, stdout: '' });
  expect(tensorflow.stderr).toMatch(
    /npm install --ignore-scripts @tensorflow\/tfjs-node-gpu@[\d.]+ node-gyp@[\d.]+\n$/,
  );
});

test('the service starts its threads and its sandbox process, and classifies', async () => {
  const args = [installed.program, 'serve', '--port', '0', '--device', 'cpu', '--drain-ms', '0'];
  const env = { ...process.env, TEXTURA_COMPILED: undefined };
  const child = spawn(process.execPath, args, {
    cwd: installed.folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let address = '';
  for await (const line of createInterface({ input: child.stdout })) {
    const record = JSON.parse(line) as { readonly msg: string; readonly address?: string };
    address = record.address ?? address;
    if (record.msg === 'ready') break;
  }
  const body = new Uint8Array(await pngFile(1, 64, 64));
  const response = await fetch(`${address}/classify`, { method: 'POST', body });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ results: [{ crops: 1 }] });
});
