/**
 * Schemas of the files of an exported model: metadata, the report of the export check, and the index.
 */
import { z } from 'zod';
import { noTemperatures, type Temperatures } from './calibration.ts';
import { TexturaError } from './error.ts';
import { graphNames } from './graph-names.ts';
import { issueTexts, jsonOf } from './issue-text.ts';
import { bestEpochSchema } from './metrics.ts';
import { inputPx } from './patch.ts';
import { sha256Schema } from './sha256.ts';
import { oneLine } from './words.ts';

export const opsets = [13, 14, 15, 16, 17, 18, 19, 20, 21] as const;
export type Opset = (typeof opsets)[number];
export const defaultOpset: Opset = 17;

/** Number formats of exported files with fewer bits than fp32, that of training. */
export const reducedPrecisions = ['fp16', 'int8'] as const;
export type ReducedPrecision = (typeof reducedPrecisions)[number];
export const filePrecisions = ['fp32', ...reducedPrecisions] as const;
export type FilePrecision = (typeof filePrecisions)[number];

export const metadataKeys = {
  labels: 'textura.labels',
  input: 'textura.input',
  network: 'textura.network',
  run: 'textura.run',
  /** Of patches and of photographs, see `model/calibration.ts`. Files without them have the temperature 1. */
  temperature: 'textura.temperature',
  photographTemperature: 'textura.photoTemperature',
  threshold: 'textura.threshold',
  /** A `ReducedPrecision`; absent in files of fp32. */
  precision: 'textura.precision',
  /** Of files that the page trains, which have no report: `model/self-check.ts`. */
  selfCheck: 'textura.selfCheck',
} as const;

const colour = 'grey = (299 R + 587 G + 114 B) / 1000, 0..255';

/** `textura.input`: how to compute the input from an image. */
export const modelInputSchema = z.strictObject({
  layout: z.literal('NCHW'),
  size: z.literal(inputPx),
  colour: z.literal(colour),
  /** Side in source pixels of the square that is area-averaged to 64x64. */
  patchPx: z.int().min(16),
});
export type ModelInput = z.infer<typeof modelInputSchema>;

export function modelInput(patchPx: number): ModelInput {
  return { layout: 'NCHW', size: inputPx, colour, patchPx };
}

/** `textura.temperature` and `textura.photoTemperature`. */
const temperatureSchema = z.number().positive();

const temperaturesSchema = z.strictObject({ patch: temperatureSchema, photograph: temperatureSchema });

/** The temperatures in a model's metadata; 1 where it has none. Errors: as `metadataValue`. */
export function temperaturesOf(metadata: Readonly<Record<string, string>>, where: string): Temperatures {
  const value = (key: string) =>
    metadata[key] === undefined ? 1 : metadataValue(metadata, key, temperatureSchema, where);
  return {
    patch: value(metadataKeys.temperature),
    photograph: value(metadataKeys.photographTemperature),
  };
}

/** `textura.threshold`: lowest score of a known photograph, and of a known patch on its own. */
export const thresholdsSchema = z.strictObject({ photograph: z.number(), patch: z.number() });

/** `textura.labels`: two or more unique labels, in output order. */
export const labelsSchema = z
  .array(z.string().min(1))
  .min(2)
  .superRefine((labels, context) => {
    const composed = labels.map((label) => label.normalize('NFC'));
    const twin = composed.find((label, i) => composed.indexOf(label) < i);
    if (twin === undefined) return;
    context.addIssue({
      code: 'custom',
      message: `expected unique labels, got ${JSON.stringify(twin)} twice`,
    });
  });

/**
 * Parses a value of a model's metadata. Errors: `model-unusable`, naming `where` (the file), the key and the
 * fault.
 */
export function metadataValue<T>(
  metadata: Readonly<Record<string, string>>,
  key: string,
  schema: z.ZodType<T>,
  where: string,
): T {
  const text = metadata[key];
  if (text === undefined) {
    throw unusable(`${where}: its metadata lacks ${key}; was it made by Textura's export?`);
  }
  const parsed = schema.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  const faults = issueTexts(parsed.error).join('; ');
  throw unusable(`${where}: ${key}: ${faults}, in ${oneLine(text.slice(0, 200))}`);
}

function unusable(message: string): TexturaError {
  return new TexturaError('model-unusable', message);
}

/** Documentation in an ONNX file, which viewers such as Netron show. */
export interface ModelDocs {
  readonly model: string;
  readonly graph: string;
  /** By name of an input or output. */
  readonly values: Readonly<Record<string, string>>;
}

interface DocumentedModel {
  readonly patchPx: number;
  readonly hasKnownScore?: boolean;
  readonly temperatures?: Temperatures;
}

export function modelDocs(
  name: string,
  labels: readonly string[],
  { patchPx, hasKnownScore = false, temperatures = noTemperatures }: DocumentedModel,
): ModelDocs {
  const { patch, photograph } = temperatures;
  const classes = labels.length;
  const { labels: labelsKey } = metadataKeys;
  return {
    model: [
      `${name}: classifies grey patches of 64x64 pixels into ${classes} classes of surfaces.`,
      `The metadata ${labelsKey} has their names as a JSON array in the order of the outputs.`,
    ].join(' '),
    graph: [
      'Forward pass with the normalisation inside: give it plain grey levels.',
      photograph === 1
        ? 'To classify a picture, average the logits of several patches.'
        : `To classify a picture, average the logits of several patches; divide them by ${photograph} before the softmax.`,
    ].join(' '),
    values: {
      [graphNames.image]: [
        'float32 [N,1,64,64], NCHW, any N: grey levels from 0 to 255, neither scaled to 0..1 nor normalised.',
        'Grey is (299 R + 587 G + 114 B) / 1000.',
        `A patch is a square of ${patchPx}x${patchPx} pixels of the picture, area-averaged to 64x64 and rounded to whole levels.`,
      ].join(' '),
      [graphNames.probabilities]: `float32 [N,${classes}]: softmax of the logits${patch === 1 ? '' : ` divided by ${patch}`}; a row sums to 1, column i is class i of ${labelsKey}.`,
      [graphNames.logits]: `float32 [N,${classes}]: scores before the softmax, any real number, columns as in probabilities.`,
      ...(hasKnownScore && {
        [graphNames.knownScore]: [
          'float32 [N,1]: how much the features look like a class of the model.',
          'A picture is of a known class if the largest softmax of the mean logits plus the mean known_score of its patches is at',
          `least photograph of ${metadataKeys.threshold} (patch, if it has a single patch).`,
        ].join(' '),
      }),
    },
  };
}

export const graphKinds = ['portable', 'throughput'] as const;
export type GraphKind = (typeof graphKinds)[number];

/** Reports of earlier versions also have the largest relative difference, which small logits make large. */
const differenceSchema = z.strictObject({ maxAbsolute: z.number(), maxRelative: z.number().optional() });

/** NETWORK.report.json: the result of the export check. */
export const modelReportSchema = z.strictObject({
  model: z.string(),
  graphs: z.array(
    z.strictObject({
      kind: z.enum(graphKinds),
      file: z.string(),
      sha256: sha256Schema,
      bytes: z.int().min(1),
      opset: z.int(),
      irVersion: z.int(),
      operators: z.array(z.string()),
      parity: z.strictObject({
        /** The engine that the file was compared with, e.g. `tfjs cpu`. */
        against: z.string(),
        runtime: z.string(),
        patches: z.int().min(1),
        probabilities: differenceSchema,
        logits: differenceSchema,
        argmaxAgreement: z.number(),
        /** Patches by decade of their largest probability difference: `{"<1e-7": 12, ...}`. */
        histogram: z.record(z.string(), z.int()),
        /** Largest difference of a probability that a self-check allows. */
        tolerance: z.number(),
        /** Of a file of fewer bits: the share of misclassified patches in float32 and in the file. */
        error: z
          .strictObject({
            patches: z.int().min(1),
            before: z.number(),
            after: z.number(),
            /** Largest increase. */
            allowed: z.number(),
          })
          .optional(),
      }),
    }),
  ),
  labels: z.array(z.string()),
  network: z.strictObject({ variant: z.string(), parameters: z.int(), multiplyAdds: z.int() }),
  validation: bestEpochSchema.optional(),
  /** How the temperatures were fitted; absent if the run has no logits of its validation. */
  calibration: z
    .strictObject({
      photographs: z.int().min(1),
      temperatures: temperaturesSchema,
      /** Expected calibration error of the photographs and patches that the temperatures are fitted to. */
      ece: z.strictObject({
        patches: z.strictObject({ before: z.number(), after: z.number() }),
        photographs: z.strictObject({ before: z.number(), after: z.number() }),
      }),
    })
    .optional(),
  /**
   * Patches (base64 of 64x64 bytes) with the softmax of their expected logits, without a temperature, for a
   * self-check at start.
   */
  selfCheck: z.array(z.strictObject({ patch: z.base64(), probabilities: z.array(z.number()) })),
});
export type ModelReport = z.infer<typeof modelReportSchema>;

/** The name of a model's report, which is in the folder of its ONNX files. */
export function reportFileName(name: string): string {
  return `${name}.report.json`;
}

/** Names of models in a folder, which are parts of file names and of addresses. */
export const modelName = /^[\p{L}\p{N}][\p{L}\p{N}._ -]{0,199}$/u;

/** In a folder of models: lists those that the server and the page offer. */
export const indexFile = 'index.json';

/**
 * Header of the service's answer to `models/index.json`: the words before the name of a command where the
 * service runs, `npm run` or `npx textura`. Other servers do not send it.
 */
export const commandsHeader = 'X-Textura-Commands';

export const modelIndexSchema = z.strictObject({
  models: z.array(
    z.strictObject({
      name: z.string(),
      files: z.partialRecord(z.enum(graphKinds), z.string()),
      report: z.string(),
      sha256: z.string(),
      bytes: z.int(),
      labels: z.array(z.string()),
      input: modelInputSchema,
      /** Share of single validation patches that the run classified wrong, and its 95 % interval. */
      top1err: z.number().optional(),
      top1errInterval: z.strictObject({ low: z.number(), high: z.number() }).optional(),
      /** As in the files' metadata. */
      temperatures: temperaturesSchema.optional(),
      /** For models with known scores. */
      threshold: thresholdsSchema.optional(),
      /** For models of fewer bits. */
      precision: z.enum(reducedPrecisions).optional(),
    }),
  ),
});
export type ModelIndex = z.infer<typeof modelIndexSchema>;
export type IndexEntry = ModelIndex['models'][number];
