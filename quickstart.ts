/**
 * `npm run quickstart`: the whole way once, with nothing but Node. Trains on textures that the project draws itself, exports, proves
 * the file, classifies three pictures, and says what to look at. Every step is the command that a person would type, shown.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import sharp from 'sharp';
import { z } from 'zod';
import { TexturaError } from './model/error.ts';
import { drawTexture, type TextureName } from './model/textures/textures.ts';
import { writeFileAtomically } from './node/atomic-file.ts';
import { runCommand } from './node/command-line.ts';
import { durationText, terminalOn } from './node/terminal.ts';
import { freeRunDirectory } from './training/run-directory.ts';

const terminal = terminalOn(process.stdout);

/** Small batches take many steps: a minute or two on two cores for an error of a few per cent. */
const training = [
  '--epochs',
  '7',
  '--patches-per-epoch',
  '2800',
  '--batch',
  '32',
  '--learning-rate',
  '0.012',
];

/** Pictures that the training has not seen: drawn with another seed. */
const pictures: readonly TextureName[] = ['brick', 'knit', 'water'];
const pictureSeed = 2026;

async function quickstart(): Promise<void> {
  const startedAt = performance.now();
  const run = freeRunDirectory('quickstart');
  step('1. Train on generated textures', 'train', ['--data', 'generated', ...training, '--out', run]);
  step('2. Export to ONNX and prove that the file computes what was trained', 'export', ['--run', run]);
  const files = await drawPictures(join(run, 'pictures'));
  step('3. Classify three pictures that it has not seen', 'classify', files);
  const results = [
    [join(run, 'report.html'), 'how the training went (open it in a browser)'],
    [join(run, 'samples.png'), 'what the network was shown'],
    [join('models', 'reference.onnx'), 'the classifier: npm run classify -- YOUR-PHOTO.jpg'],
  ] as const;
  const width = Math.max(...results.map(([file]) => file.length));
  terminal.line(
    [
      '',
      `Done in ${durationText((performance.now() - startedAt) / 1000)}. Look at:`,
      ...results.map(([file, what]) => `  ${file.padEnd(width)}  ${what}`),
      'Your own surfaces: npm run train -- --data FOLDER, one sub-folder of photographs a class.',
    ].join('\n'),
  );
}

/** Runs one of our commands as `npm run` would. Errors: the status of the command, after its own message. */
function step(title: string, command: string, args: readonly string[]): void {
  terminal.line(`\n${title}\n$ npm run ${command} -- ${args.join(' ')}\n`);
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status } = spawnSync(npm, ['run', '--silent', command, '--', ...args], { stdio: 'inherit' });
  if (status !== 0) throw new TexturaError('internal', `npm run ${command} ended with status ${status}`);
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

await runCommand(
  {
    name: 'quickstart',
    summary: 'Trains, exports, proves and classifies once.',
    options: z.strictObject({}),
    run: quickstart,
  },
  process.argv.slice(2),
);
