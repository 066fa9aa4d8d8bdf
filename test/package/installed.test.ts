/** The package in the folder of a person who installed it: what it prints, starts and needs. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { bytes } from '../../model/format.ts';
import { configuredCommands } from '../../node/config-file.ts';
import { bindingFolder } from '../../node/cuda-libraries.ts';
import { productVersion } from '../../node/product-version.ts';
import { runProgram } from '../../node/program.ts';
import { repository } from '../../package/compile.ts';
import { foreignFolders } from '../../setup/slim.ts';
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

const packedSchema = z.tuple([
  z.object({ files: z.array(z.object({ path: z.string(), size: z.number() })) }),
]);

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      dev: z.boolean().default(false),
      devOptional: z.boolean().default(false),
      peer: z.boolean().default(false),
    }),
  ),
});

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

test('the pre-trained network is part of it', async () => {
  const script = `
    const { readInitialModel } = await import(process.argv[1] + '/training/run/initial-model.js');
    const { networkOf } = await import(process.argv[1] + '/model/network.js');
    const { sha256 } = await readInitialModel('pretrained', networkOf('texture-net', 2, { batchNorm: true }));
    console.log(sha256);`;
  const code = join(installed.own, 'dist/code');
  const { stdout, stderr } = await runProgram(process.execPath, ['--input-type=module', '-e', script, code]);
  const file = await readFile(join(repository, 'model/pretrained/texture-net.safetensors'));
  const sha256 = createHash('sha256').update(file).digest('hex');
  expect({ stdout, stderr }).toEqual({ stdout: `${sha256}\n`, stderr: '' });
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

test('a Node program classifies images as the command does, from a path and from bytes', async () => {
  const picture = join(installed.folder, 'picture.png');
  await writeFile(picture, await pngFile(3, 100, 80));
  const program = `
    import { readFile } from 'node:fs/promises';
    import { loadClassifier, TexturaError } from 'textura';
    import { createGraph, describeModel, encodeModel } from 'textura/onnx';
    import { decodeImage, patchGrid } from 'textura/preprocessing';
    import { modelReportSchema } from 'textura/schemas';
    const classifier = await loadClassifier('models/lab-baseline.onnx');
    const bytes = await readFile('picture.png');
    const results = [await classifier.classify('picture.png', { top: 2 }), await classifier.classify(bytes, { top: 2 })];
    const tooSmall = await classifier.classify('small.png').catch((error) => [error instanceof TexturaError, error.code]);
    await classifier.close();
    const graph = createGraph({ name: 'double', opset: 17, float: 'float32' });
    const x = graph.input('x', 'float32', ['N', 4]);
    graph.output(graph.node('Add', [x, x], { name: 'y' }));
    const model = describeModel(encodeModel(graph, { producerName: 'me', producerVersion: '1', metadata: {} }), 'double');
    const { width, height } = await decodeImage(bytes, 'picture.png');
    const report = modelReportSchema.parse(JSON.parse(await readFile('models/lab-baseline.report.json', 'utf8')));
    console.log(JSON.stringify({ results, tooSmall, labels: classifier.labels, outputs: model.outputs.map(({ name }) => name),
      patches: patchGrid(width, height, 64).length, reported: report.labels }));`;
  await writeFile(join(installed.folder, 'small.png'), await pngFile(3, 20, 20));
  await writeFile(join(installed.folder, 'program.mjs'), program);
  const { stdout, stderr } = await runProgram(process.execPath, ['program.mjs'], { cwd: installed.folder });
  expect(stderr).toBe('');
  const answer = JSON.parse(stdout);
  const command = await installed.textura(
    'classify',
    '--model',
    'models/lab-baseline.onnx',
    '--json',
    '--top',
    '2',
    'picture.png',
  );
  const { file: _, ...asCommand } = JSON.parse(command.stdout).results[0];
  expect(answer.results).toEqual([asCommand, asCommand]);
  expect(answer.results[0].predictions).toHaveLength(2);
  expect(answer.tooSmall).toEqual([true, 'image-too-small']);
  expect(answer).toMatchObject({ outputs: ['y'], patches: asCommand.crops, reported: answer.labels });
});

test('TypeScript accepts correct uses of the exports and refuses others, under its strictest settings', async () => {
  const program = `
    import { type Classification, loadClassifier, TexturaError } from 'textura';
    import { createGraph, encodeModel } from 'textura/onnx';
    import { decodeImage, type GreyImage, patchGrid } from 'textura/preprocessing';
    import { type Run, runSchema } from 'textura/schemas';
    const classifier = await loadClassifier('a.onnx', { threads: 2 });
    const result: Classification = await classifier.classify(new Uint8Array(), { crops: 'center' });
    const probabilities: number[] = result.predictions.map(({ probability }) => probability);
    // @ts-expect-error: no such option
    await classifier.classify('a.png', { crop: 'center' });
    const graph = createGraph({ name: 'double', opset: 17, float: 'float32' });
    // @ts-expect-error: no such operator
    graph.node('Addd', []);
    const file: Uint8Array = encodeModel(graph, { producerName: 'me', producerVersion: '1', metadata: {} });
    const image: GreyImage = await decodeImage(file, 'a.png');
    const run: Run = runSchema.parse({});
    export const all = [probabilities, patchGrid(image.width, image.height, 64), run.labels, TexturaError];`;
  const settings = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    target: 'ES2023',
    types: ['node'],
  };
  const config = {
    compilerOptions: {
      ...settings,
      module: 'NodeNext',
      typeRoots: [join(repository, 'node_modules/@types')],
    },
    files: ['program.mts'],
  };
  await writeFile(join(installed.folder, 'tsconfig.json'), JSON.stringify(config));
  await writeFile(join(installed.folder, 'program.mts'), program);
  const tsc = join(repository, 'node_modules/typescript/bin/tsc');
  const result = await runProgram(process.execPath, [tsc, '-p', '.'], { cwd: installed.folder });
  expect(result).toMatchObject({ status: 0, stdout: '' });
});

test('the package has its code, declarations, licence and readme, and is small enough to serve models', async () => {
  for (const file of ['LICENSE', 'README.md']) await cp(join(repository, file), join(installed.own, file));
  const packed = await runProgram('npm', ['pack', '--dry-run', '--json'], { cwd: installed.own });
  const [{ files }] = packedSchema.parse(JSON.parse(packed.stdout));
  const paths = files.map(({ path }) => path);
  expect(paths).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']));
  expect(paths).toEqual(
    expect.arrayContaining(['dist/code/package/textura.js', 'dist/code/package/classifier.d.ts']),
  );
  expect(paths.filter((path) => /\/(test|bench)\/|\.ts$/.test(path) && !path.endsWith('.d.ts'))).toEqual([]);
  const code = files.reduce((sum, { size }) => sum + size, 0);
  const needed = await neededBytes();
  process.stdout.write(
    `textura ${bytes(code)}, the packages that it needs on this system ${bytes(needed)}\n`,
  );
  // With the page, 38 MiB, less than 150 MiB.
  expect(code + needed).toBeLessThan(112 * 2 ** 20);
});

/** The size of what npm installs with the package, after `textura setup:slim`. */
async function neededBytes(): Promise<number> {
  const lock = lockSchema.parse(JSON.parse(await readFile(join(repository, 'package-lock.json'), 'utf8')));
  const places = Object.entries(lock.packages).filter(
    ([place, { dev, devOptional, peer }]) => place !== '' && !dev && !devOptional && !peer,
  );
  const folders = places.map(([place]) => join(repository, place)).filter(existsSync);
  expect(folders.length).toBeGreaterThan(100);
  const sizes = await Promise.all(folders.map(bytesIn));
  const foreign = await foreignFolders(bindingFolder());
  return sizes.reduce((sum, size) => sum + size, 0) - foreign.reduce((sum, folder) => sum + folder.bytes, 0);
}

/** Without the packages inside, which the lockfile lists by themselves. */
async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => !path.slice(folder.length).includes('node_modules'));
  const stats = await Promise.all(files.map((path) => stat(path)));
  return stats.reduce((sum, { size }) => sum + size, 0);
}

test('options in textura.config.json apply where the command line has none, and its schema lists them', async () => {
  const config = join(installed.folder, 'textura.config.json');
  const classify = async (...args: string[]) => {
    const { stdout } = await installed.textura('classify', '--json', ...args, 'picture.png');
    return JSON.parse(stdout).results[0].predictions.length;
  };
  onTestFinished(() => rm(config));
  await writeFile(join(installed.folder, 'picture.png'), await pngFile(3, 100, 80));
  await writeFile(
    config,
    JSON.stringify({ classify: { model: 'models/lab-baseline.onnx', top: 2 }, serve: {} }),
  );
  expect(await classify()).toBe(2);
  expect(await classify('--top', '3')).toBe(3);
  const schema = JSON.parse(
    await readFile(join(installed.own, 'dist/code/textura.config.schema.json'), 'utf8'),
  );
  expect(Object.keys(schema.properties)).toEqual(['$schema', ...configuredCommands]);
  expect(schema.properties.serve.properties.port).toMatchObject({ type: 'integer', default: 8080 });
  expect(schema.properties.train.properties).not.toHaveProperty('resume');
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
  const index = await fetch(`${address}/models/index.json`);
  expect(index.headers.get('x-textura-commands')).toBe('npx textura');
  const response = await fetch(`${address}/classify`, { method: 'POST', body });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ results: [{ crops: 1 }] });
});
