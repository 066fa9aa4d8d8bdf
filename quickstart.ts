/**
 * npm run quickstart: trains on generated textures, exports and verifies the file, classifies three pictures,
 * serves the classifier and its page, and prints what to open. Every step is a command that it prints first.
 * On a terminal it keeps serving until Ctrl-C.
 */
import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { z } from 'zod';
import { errorCodes, TexturaError, type TexturaErrorCode } from './model/error.ts';
import { duration } from './model/format.ts';
import { writeFileAtomically } from './node/atomic-file.ts';
import { type CommandDefinition, runIfMain } from './node/command-line.ts';
import { isPackaged, nodeArguments } from './node/own-module.ts';
import { commandText, quoted } from './node/shell.ts';
import { stopSignal } from './node/stop-signal.ts';
import { terminalOn } from './node/terminal.ts';
import { drawTexture, type TextureName } from './textures/textures.ts';
import { quickstartVariable } from './training/run/progress-display.ts';
import { freeRunDirectory } from './training/run/run-directory.ts';

const terminal = terminalOn(process.stdout);
/** Half a minute on two cores for an error of a few per cent. */
const training = ['--epochs', '4', '--patches-per-epoch', '4000', '--batch', '64'];

/** Pictures that are not in the training data, because they are generated with another seed. */
const pictures: readonly TextureName[] = ['brick', 'knit', 'water'];
const pictureSeed = 2026;

async function quickstart(): Promise<void> {
  const startedAt = performance.now();
  const run = freeRunDirectory('quickstart');
  step('1. Train on generated textures', 'train', ['--data', 'generated', ...training, '--out', run]);
  step('2. Export to ONNX and verify the file', 'export', ['--run', run]);
  const files = await drawPictures(join(run, 'pictures'));
  step('3. Classify three new pictures', 'classify', files);
  preparePage();
  const service = await startService();
  try {
    await askService(service.address, files[0] ?? '');
    report(run, service.address, performance.now() - startedAt);
    if (terminal.isInteractive) await stopSignal();
  } finally {
    await stopService(service);
  }
}

function report(run: string, address: string, elapsedMs: number): void {
  const results = [
    [
      address,
      terminal.isInteractive
        ? 'the page (open it in a browser)'
        : `the page, while ${commandText('serve')} runs`,
    ],
    [join(run, 'report.html'), 'the training report (open it in a browser)'],
    [join(run, 'samples.png'), 'patches that the network was trained on'],
    [join('models', 'texture-net.onnx'), `the classifier: ${commandText('classify', 'YOUR-PHOTO.jpg')}`],
    [join('models', 'texture-net.md'), 'its model card: errors, limits, how to use it'],
  ] as const;
  const width = Math.max(...results.map(([file]) => file.length));
  terminal.line(
    [
      '',
      `Done in ${duration(elapsedMs / 1000)}. Results:`,
      ...results.map(([file, what]) => `  ${file.padEnd(width)}  ${what}`),
      `To train on your photographs: ${commandText('train', '--data', 'FOLDER')}, with one sub-folder per class.`,
      ...(terminal.isInteractive ? ['', 'Serving until you press Ctrl-C.'] : []),
    ].join('\n'),
  );
}

const modules = {
  train: new URL('./training/train.ts', import.meta.url),
  export: new URL('./export/export.ts', import.meta.url),
  classify: new URL('./serve/classify.ts', import.meta.url),
  serve: new URL('./serve/serve.ts', import.meta.url),
} as const;

/** Runs a command in a process of its own. Errors: the code of its exit status, after its own message. */
function step(title: string, command: keyof typeof modules, args: readonly string[]): void {
  terminal.line(`\n${title}\n$ ${commandText(command, ...args)}\n`);
  const started = spawnSync(process.execPath, [...nodeArguments(modules[command]), ...args], {
    stdio: 'inherit',
    env: { ...process.env, [quickstartVariable]: '1' },
  });
  requireSuccess(started, commandText(command));
}

function requireSuccess({ status, signal }: SpawnSyncReturns<Buffer>, command: string): void {
  if (status === 0) return;
  const codes = Object.entries(errorCodes) as [TexturaErrorCode, { readonly exit: number }][];
  const code = codes.find(([, { exit }]) => exit === status)?.[0] ?? 'internal';
  throw new TexturaError(code, `${command} ended with ${signal ?? `status ${status}`}`);
}

/** The package has the built page. */
function preparePage(): void {
  if (isPackaged()) {
    terminal.line('\n4. Serve the classifier and its page');
    return;
  }
  terminal.line('\n4. Build the page and serve it with the classifier\n$ npm run build -- --quiet');
  const isWindows = process.platform === 'win32';
  // Windows starts npm, a script, only in a shell.
  const args = ['run', '--silent', 'build', '--', '--quiet'];
  requireSuccess(spawnSync('npm', args, { stdio: 'inherit', shell: isWindows }), 'npm run build');
}

interface StartedService {
  readonly address: string;
  readonly child: ChildProcess;
}

/** The default port of `serve`, which may be in use. */
const defaultPort = 8080;

async function startService(): Promise<StartedService> {
  const start = commandText('serve');
  terminal.line(`$ ${start}\n`);
  const service = (await listening(defaultPort)) ?? (await listening(0));
  if (service !== undefined) return service;
  throw new TexturaError('usage', `the service did not start; ${start} prints why`);
}

/** The service once it is ready; undefined if it exits instead. */
async function listening(port: number): Promise<StartedService | undefined> {
  // textura.config.json may set another form of the log.
  const log = ['--log-format', 'json', '--log-level', 'info'];
  const args = [...nodeArguments(modules.serve), '--port', String(port), ...log];
  // Detached, so that Ctrl-C reaches only this process, which then stops the service.
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: process.platform !== 'win32',
  });
  const address = await addressIn(child.stdout);
  if (address === undefined) return undefined;
  child.stdout.resume();
  const service = { address, child };
  try {
    while (!(await fetch(`${address}/readyz`)).ok) await sleep(100);
  } catch {
    await stopService(service);
    throw new TexturaError(
      'usage',
      `this machine cannot reach its own ${address}: turn on its loopback interface ` +
        '(ip link set lo up), or let a firewall or sandbox allow connections to it',
    );
  }
  return service;
}

/** From the service's log; undefined if it exits before it listens. */
async function addressIn(log: NodeJS.ReadableStream): Promise<string | undefined> {
  for await (const line of createInterface({ input: log })) {
    const { msg, address } = JSON.parse(line) as { readonly msg?: string; readonly address?: string };
    if (msg === 'listening') return address;
  }
  return undefined;
}

async function askService(address: string, file: string): Promise<void> {
  terminal.line(
    `$ curl --data-binary ${quoted(`@${file}`)} -H 'Content-Type: image/png' '${address}/classify?top=2'\n`,
  );
  const response = await fetch(`${address}/classify?top=2`, {
    method: 'POST',
    headers: { 'Content-Type': 'image/png' },
    body: await readFile(file),
  });
  const text = await response.text();
  terminal.line(text);
  if (!text.includes(`"${basename(file, '.png')}"`))
    throw new TexturaError('internal', `the service did not recognise ${file}`);
}

async function stopService({ child }: StartedService): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  await ended;
}

async function drawPictures(folder: string): Promise<readonly string[]> {
  const side = 192;
  return Promise.all(
    pictures.map(async (texture, index) => {
      const { data } = drawTexture(texture, pictureSeed, index, side, side);
      const file = join(folder, `${texture}.png`);
      const raw = { width: side, height: side, channels: 1 } as const;
      await writeFileAtomically(file, await sharp(data, { raw }).png().toBuffer());
      return file;
    }),
  );
}

const options = z.strictObject({});

export const command: CommandDefinition<typeof options> = {
  name: 'quickstart',
  summary: 'Trains, exports, verifies, classifies and serves on generated textures.',
  options,
  run: quickstart,
};

await runIfMain(command, import.meta.url);
