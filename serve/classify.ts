/**
 * npm run classify: classifies image files, or a folder into a table. A file that cannot be used is reported,
 * and the others are still classified.
 */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { percent, wrapped } from '../model/format.ts';
import { defaultMaxImagePixels } from '../model/image-kind.ts';
import { maxImagePixelsOption } from '../model/image-options.ts';
import { cropChoices } from '../model/patch.ts';
import { stretchText } from '../model/sample-depth.ts';
import type { Prediction } from '../model/scores.ts';
import { counted, oneLine } from '../model/words.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { callerPath, callerPathHelp } from '../node/caller-path.ts';
import { type CommandDefinition, flagOf, runIfMain } from '../node/command-line.ts';
import { decodeImage } from '../node/image-decoder.ts';
import { readImageFile, readImageStream } from '../node/image-file.ts';
import { commandText } from '../node/shell.ts';
import { terminalOn } from '../node/terminal.ts';
import { type Classification, classify } from './classification.ts';
import { classifyFolder, defaultWatchTimes } from './folder/classify-folder.ts';
import { mapImage, mapResult, mapText, requirePngTarget } from './map/map-image.ts';
import { defaultModel, defaultModelHelp, Model, readModelFile } from './model.ts';
import { ExplainedModel } from './why/explained-model.ts';
import { explanationOf } from './why/why-image.ts';
import { whyPng } from './why/why-picture.ts';

const terminal = terminalOn(process.stdout);
const modelsFolder = 'models';

/** A map reads its image in strips. */
const maxMapPixels = 2_000_000_000;

const options = z.strictObject({
  model: z
    .string()
    .min(1)
    .optional()
    .describe(
      `ONNX file made by ${commandText('export')} (default: ${defaultModelHelp(`${modelsFolder}/`)}); ${callerPathHelp}`,
    ),
  json: z.boolean().default(false).describe('print one JSON object instead of text'),
  top: z.int().min(1).max(1000).default(5).describe('number of classes to print for each image'),
  crops: z
    .enum(cropChoices)
    .default('auto')
    .describe('auto: patches that cover the image; center: only the patch in the centre'),
  csv: z
    .string()
    .min(1)
    .optional()
    .describe('classify all pictures below a folder into this table; the same command resumes'),
  copyTo: z
    .string()
    .min(1)
    .optional()
    .describe(
      'with --csv: copy the pictures to this folder, into a sub-folder for each class and for unknown and doubtful pictures',
    ),
  doubtfulBelow: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('with --copy-to: pictures whose class has a lower probability are doubtful'),
  watch: z.boolean().default(false).describe('with --csv: follow the folder until Ctrl-C'),
  map: z
    .string()
    .min(1)
    .optional()
    .describe('write the class map of one image, however large, to this PNG file'),
  mapStride: z
    .int()
    .min(1)
    .optional()
    .describe('with --map: pixels between patches (default: a quarter of a patch, more for large images)'),
  why: z
    .string()
    .min(1)
    .optional()
    .describe(
      'write a PNG file that shows which places of one image speak for its class and which for the second (texture-net)',
    ),
  maxImagePixels: maxImagePixelsOption
    .unwrap()
    .optional()
    .describe(maxImagePixelsOption.description ?? '')
    .meta({ defaultText: `${defaultMaxImagePixels}; with --map ${maxMapPixels}` }),
});
type ClassifyOptions = z.infer<typeof options>;

export const command: CommandDefinition<typeof options> = {
  name: 'classify',
  summary:
    `Classifies images. IMAGE is a file (${callerPathHelp}), or - for one image on standard input. ` +
    'With --csv, IMAGE is a folder.',
  options,
  configurable: ['model', 'top', 'crops', 'maxImagePixels'],
  arguments: 'image',
  async run(options, { args, given }) {
    if (options.csv === undefined)
      requireNone(given, ['copyTo', 'doubtfulBelow', 'watch'], 'needs a folder and --csv FILE');
    if (options.copyTo === undefined) requireNone(given, ['doubtfulBelow'], 'needs --copy-to DIR');
    if (options.map === undefined) requireNone(given, ['mapStride'], 'needs --map FILE');
    if (options.csv !== undefined) {
      requireNone(given, ['json', 'top', 'map', 'why'], 'cannot be used with --csv');
      await classifyInto(options.csv, options, args);
    } else if (options.map !== undefined) {
      requireNone(given, ['top', 'crops', 'why'], 'cannot be used with --map');
      await mapOf(options.map, options, args);
    } else if (options.why !== undefined) {
      requireNone(given, ['top', 'crops', 'json'], 'cannot be used with --why');
      await explain(options.why, options, args);
    } else {
      await classifyFiles(options, args);
    }
  },
};

/** Writes the explanation of an image to the PNG file `why`. */
async function explain(
  why: string,
  { model: path, maxImagePixels: maxPixels = defaultMaxImagePixels }: ClassifyOptions,
  args: readonly string[],
): Promise<void> {
  const image = oneImage('--why', args);
  const name = oneLine(image);
  await requirePngTarget('--why', why, callerPath(image));
  const model = await readModelFile(await modelPath(path));
  const grey = await decodeImage(await bytesOf(image, name), name, { maxPixels });
  const explained = await ExplainedModel.open(model);
  if (explained === undefined) {
    throw new TexturaError(
      'usage',
      `--why: ${model.path}: expected the portable float32 file of a texture-net, whose classes follow from statistics of positions`,
    );
  }
  const explanation = await explanationOf(explained, grey).finally(() => explained.close());
  await writeFileAtomically(why, await whyPng(grey, explanation, basename(name)));
  const { first, second, known } = explanation;
  const text = ({ label, probability }: Prediction) => `${oneLine(label)} ${percent(probability)}`;
  const unknown = known === false ? '; it is probably none of these surfaces' : '';
  const sentence = `${oneLine(why)}: why ${name} is ${text(first)}, and not ${text(second)}${unknown}`;
  terminal.line(wrapped(sentence, '  '));
}

/** Errors: `usage` unless the arguments are one file. */
function oneImage(flag: string, args: readonly string[]): string {
  const [image] = args;
  if (image !== undefined && args.length === 1 && image !== '-') return image;
  throw new TexturaError('usage', `${flag}: expected one image file, got ${args.join(' ') || 'none'}`);
}

/** Writes the class map of an image to the PNG file `map`. */
async function mapOf(
  map: string,
  { model: path, json, mapStride: stridePx, maxImagePixels: maxPixels = maxMapPixels }: ClassifyOptions,
  args: readonly string[],
): Promise<void> {
  const image = oneImage('--map', args);
  await requirePngTarget('--map', map, callerPath(image));
  const model = await readModelFile(await modelPath(path));
  const options = { image: callerPath(image), name: oneLine(image), map, stridePx, maxPixels };
  const made = await mapImage(model, options, terminalOn(process.stderr));
  const result = mapResult(made, model, image, map);
  terminal.line(json ? JSON.stringify(result, undefined, 2) : mapText(result));
}

/** Errors: `usage`, naming the first of `keys` that was given. */
function requireNone(
  given: ReadonlySet<string>,
  keys: readonly (keyof ClassifyOptions)[],
  why: string,
): void {
  const found = keys.find((key) => given.has(key));
  if (found !== undefined) throw new TexturaError('usage', `${flagOf(found)} ${why}`);
}

/** Classifies a folder into the table `csv`. */
async function classifyInto(
  csv: string,
  { model, crops, maxImagePixels, copyTo, doubtfulBelow, watch }: ClassifyOptions,
  args: readonly string[],
): Promise<void> {
  const [folder] = args;
  if (folder === undefined || args.length > 1 || folder === '-') {
    throw new TexturaError('usage', `--csv: expected one folder, got ${args.join(' ') || 'none'}`);
  }
  const options = {
    folder: callerPath(folder),
    csv,
    crops,
    maxPixels: maxImagePixels ?? defaultMaxImagePixels,
    copies: copyTo === undefined ? undefined : { to: copyTo, doubtfulBelow },
    watch: watch ? defaultWatchTimes : undefined,
  };
  const outputs = { output: terminal, messages: terminalOn(process.stderr) };
  await classifyFolder(await readModelFile(await modelPath(model)), options, outputs);
}

interface FileResult extends Classification {
  readonly file: string;
}

async function classifyFiles(
  { model: path, json, top, crops, maxImagePixels: maxPixels = defaultMaxImagePixels }: ClassifyOptions,
  files: readonly string[],
): Promise<void> {
  if (files.length === 0) throw new TexturaError('usage', 'expected one or more images, got none');
  if (files.filter((file) => file === '-').length > 1) {
    throw new TexturaError('usage', '-: standard input can be given only once');
  }
  const model = await Model.load(await modelPath(path));
  const results: FileResult[] = [];
  try {
    for (const file of files) {
      const name = oneLine(file);
      const result = await unlessUnusable(name, async () => {
        const image = await decodeImage(await bytesOf(file, name), name, { maxPixels });
        if (image.stretchedFromBits !== undefined) note(name, stretchText(image.stretchedFromBits));
        return { file, ...(await classify(model, image, { crops, top })) };
      });
      if (result === undefined) continue;
      results.push(result);
      if (!json) terminal.line(resultText(result));
    }
  } finally {
    await model.close();
  }
  if (json) {
    terminal.line(JSON.stringify({ model: model.name, results }, undefined, 2));
  }
}

/** The given file, or the default model. Errors: `model-not-found` if models/ has no exported model. */
async function modelPath(given: string | undefined): Promise<string> {
  return given === undefined ? defaultModel(modelsFolder) : callerPath(given);
}

/**
 * The result of `work`; undefined if the image cannot be used, which is reported and sets the exit status.
 */
async function unlessUnusable<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TexturaError) || error.code === 'internal') throw error;
    const message = error.message.startsWith(`${name}:`) ? error.message : `${name}: ${error.message}`;
    terminalOn(process.stderr).line(`classify: ${message}`);
    process.exitCode = error.exitStatus;
    return undefined;
  }
}

/** A remark about an image that is still classified. */
function note(name: string, text: string): void {
  terminalOn(process.stderr).line(`classify: note: ${name}: ${text}`);
}

async function bytesOf(file: string, name: string): Promise<Uint8Array> {
  if (file === '-') return readImageStream(process.stdin, name);
  const path = callerPath(file);
  if ((await stat(path).catch(() => undefined))?.isDirectory()) {
    throw new TexturaError('usage', `${name}: is a folder; add --csv FILE to classify the pictures in it`);
  }
  return readImageFile(path, name);
}

const barLength = 24;

/** The file's line, then one line per class: label, percentage, bar. */
function resultText({ file, predictions, crops, known }: FileResult): string {
  const named = predictions.map((prediction) => ({ ...prediction, label: oneLine(prediction.label) }));
  const labelLength = Math.max(...named.map(({ label }) => label.length));
  const lines = named.map(({ label, probability }) => {
    const bar = '#'.repeat(Math.round(probability * barLength));
    const percentage = `${(probability * 100).toFixed(1)} %`;
    return `  ${label.padEnd(labelLength)}  ${percentage.padStart(7)}  ${bar}`.trimEnd();
  });
  const unknown = known === false ? ', probably none of these surfaces' : '';
  return [`${oneLine(file)}  (${counted(crops, 'patch', 'patches')})${unknown}`, ...lines].join('\n');
}

await runIfMain(command, import.meta.url);
