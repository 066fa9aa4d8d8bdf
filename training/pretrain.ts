/**
 * `npm run train:pretrained`: trains texture-net on many generated classes (textures/varied.ts) and writes
 * the network that `--init pretrained` starts from, without its last layer, with a record of how it was made.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { classifierOf } from '../model/network.ts';
import { type PretrainedRecord, pretrainedFiles, pretrainingRecipe } from '../model/pretrained/pretrained.ts';
import { networkOfRun, runFiles } from '../model/run-file.ts';
import { decodeTensors, encodeTensors } from '../model/safetensors.ts';
import { type TrainingConfig, trainingConfigSchema, withRecipe } from '../model/training-config.ts';
import { writeFileAtomically, writeJson } from '../node/atomic-file.ts';
import { type CommandDefinition, runIfMain } from '../node/command-line.ts';
import { usableCores } from '../node/machine.ts';
import { readRun } from '../node/records.ts';
import { sha256 } from '../node/sha256.ts';
import { terminalOn } from '../node/terminal.ts';
import { drawVaried } from '../textures/varied.ts';
import { trainRun } from './run/train-run.ts';

const options = z.strictObject({
  work: z
    .string()
    .min(1)
    .default('runs/pretrained')
    .describe('folder for the pictures and the run; an interrupted run in it is resumed'),
  threads: z.int().min(1).optional().describe('CPU threads (default: all available cores)'),
});

const terminal = terminalOn(process.stdout);

async function pretrain({ work, threads = usableCores() }: z.infer<typeof options>): Promise<void> {
  const pictures = await writePictures(join(work, 'pictures'));
  const directory = join(work, 'run');
  await trainRun({
    config: configOf(join(work, 'pictures')),
    given: new Set(),
    directory,
    resume: true,
    // The only engine whose results are the same bits on every machine with the same instructions.
    engine: 'onnx',
    device: 'cpu',
    threads,
    verbose: false,
    terminal,
    hasOwnProcess: true,
  });
  const run = await readRun(directory);
  if (run.best === undefined) throw new TexturaError('diverged', `${directory}: the run has no result`);
  const path = join(directory, runFiles.model);
  const { tensors } = decodeTensors(await readFile(path), path);
  const head = classifierOf(networkOfRun(run)).name;
  const body = new Map([...tensors].filter(([name]) => !name.startsWith(`${head}.`)));
  const bytes = encodeTensors({ tensors: body, metadata: { network: run.config.variant } });
  const record: PretrainedRecord = {
    network: 'texture-net',
    recipe: pretrainingRecipe,
    ...pictures,
    sha256: sha256(bytes),
    validationError: run.best.top1err,
    versions: { ...run.stretches.at(-1)?.versions },
    textura: run.textura,
  };
  const target = fileURLToPath(new URL('../model/pretrained/', import.meta.url));
  await writeFileAtomically(join(target, pretrainedFiles.parameters), bytes);
  await writeJson(join(target, pretrainedFiles.record), record);
  terminal.line(`Wrote ${bytes.length} bytes to ${join(target, pretrainedFiles.parameters)}`);
}

/** Draws the pictures of all classes into a folder of PNG files; those of an interrupted run are kept. */
async function writePictures(
  folder: string,
): Promise<Pick<PretrainedRecord, 'picturesSha256' | 'firstClassSha256'>> {
  const { classes, picturesPerClass } = pretrainingRecipe;
  const all = createHash('sha256');
  let firstClassSha256 = '';
  for (let number = 0; number < classes; number++) {
    terminal.status(`drawing class ${number + 1}/${classes}`);
    const own = join(folder, String(number).padStart(3, '0'));
    await mkdir(own, { recursive: true });
    const first = createHash('sha256');
    for (let index = 0; index < picturesPerClass; index++) {
      const pixels = await writtenPicture(join(own, `${String(index).padStart(2, '0')}.png`), number, index);
      all.update(pixels);
      first.update(pixels);
    }
    if (number === 0) firstClassSha256 = first.digest('hex');
  }
  return { picturesSha256: all.digest('hex'), firstClassSha256 };
}

/** Pixels `[sidePx, sidePx]` of the file at `path`, which is drawn if it is missing. */
async function writtenPicture(path: string, number: number, index: number): Promise<Uint8Array> {
  const { seed, sidePx: side } = pretrainingRecipe;
  if (existsSync(path)) return sharp(path).extractChannel(0).raw().toBuffer();
  const { data } = drawVaried(seed, number, index, side);
  const png = sharp(data, { raw: { width: side, height: side, channels: 1 } }).png({ compressionLevel: 1 });
  await writeFileAtomically(path, await png.toBuffer());
  return data;
}

function configOf(data: string): TrainingConfig {
  const variant = 'texture-net';
  const { seed, epochs, patchesPerEpoch, batch, learningRate, warmupEpochs } = pretrainingRecipe;
  const recipe = withRecipe(trainingConfigSchema.parse({ data }), { recipe: 'default', variant }, new Set());
  const own = { seed, epochs, patchesPerEpoch, batch, learningRate, warmupEpochs, validationShare: 0.1 };
  return { ...recipe, variant, ...own };
}

export const command: CommandDefinition<typeof options> = {
  name: 'train:pretrained',
  summary: 'Pre-trains texture-net on generated textures and writes model/pretrained/.',
  options,
  run: pretrain,
};

await runIfMain(command, import.meta.url);
