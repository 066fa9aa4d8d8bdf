/** The service's messages: what it is asked and what it answers. Server, page and tests read them from here. */
import { z } from 'zod';
import { errorCodes, type TexturaErrorCode } from './error.ts';
import { modelInputSchema } from './model-file.ts';

/** `auto` covers the image with the fixed grid of at most 15 patches, `center` takes the one in the middle. */
export const cropChoices = ['auto', 'center'] as const;
export type CropChoice = (typeof cropChoices)[number];

/** The parameters of `POST /classify`; text as they stand in the address. */
export const classifyQuerySchema = z.strictObject({
  model: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('A name that GET /models lists. Without it: `reference`, or the first there is.'),
  top: z.coerce
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(5)
    .describe('Number of classes to return for each image.'),
  crops: z
    .enum(cropChoices)
    .default('auto')
    .describe('Up to 15 patches that cover the image, or the one in its middle.'),
});
export type ClassifyQuery = z.infer<typeof classifyQuerySchema>;

/** A body of JSON: one image or several, as base64 or as data URLs. */
export const imagesBodySchema = z.union([
  z.strictObject({ image: z.string().describe('Base64 of an image file, or a data URL of it.') }),
  z.strictObject({ images: z.array(z.string()).min(1).describe('Several of them.') }),
]);

export const predictionSchema = z.strictObject({
  label: z.string(),
  probability: z.number().min(0).max(1),
});

const milliseconds = z.number().min(0);

/** `POST /classify`: one result an image, in the order in which they came. */
export const classifyAnswerSchema = z.strictObject({
  model: z.strictObject({ name: z.string(), sha256: z.string() }),
  results: z.array(
    z.strictObject({
      /** By falling probability. */
      predictions: z.array(predictionSchema),
      /** Patches that were looked at. */
      crops: z.int().min(1),
    }),
  ),
  /** Of the slowest image of the request in each stage. */
  timings: z.strictObject({ decodeMs: milliseconds, queueMs: milliseconds, inferMs: milliseconds }),
});
export type ClassifyAnswer = z.infer<typeof classifyAnswerSchema>;

/** `GET /models`. */
export const modelListSchema = z.strictObject({
  /** The model that answers where none is named; absent while there is none. */
  default: z.string().optional(),
  models: z.array(
    z.strictObject({
      name: z.string(),
      /** Of the portable file, as `POST /classify` answers it. */
      sha256: z.string(),
      bytes: z.int(),
      labels: z.array(z.string()),
      input: modelInputSchema,
      /** Share of validation patches whose first class was wrong. */
      top1err: z.number().optional(),
      /** What computes it. */
      device: z.string(),
      /** Addresses of its files, relative to that of the list. */
      files: z.array(z.string()),
    }),
  ),
});
export type ModelList = z.infer<typeof modelListSchema>;

const codes = Object.keys(errorCodes) as [TexturaErrorCode, ...TexturaErrorCode[]];

/** RFC 9457 problem details; the body of every answer of 400 and above. */
export const problemSchema = z.strictObject({
  /** `urn:textura:problem:` and the code. */
  type: z.string(),
  /** What the code means. */
  title: z.string(),
  status: z.int(),
  code: z.enum(codes),
  /** What was expected and what was found. */
  detail: z.string(),
  /** Also the header X-Request-Id, and in the log. */
  requestId: z.string(),
});
export type Problem = z.infer<typeof problemSchema>;

export const problemMediaType = 'application/problem+json';
