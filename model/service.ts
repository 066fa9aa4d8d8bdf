/** Requests and responses of the service, shared by server, page and tests. */
import { z } from 'zod';
import { errorCodes, type TexturaErrorCode } from './error.ts';
import { modelInputSchema } from './model-file.ts';
import { cropChoices } from './patch.ts';

/** Query parameters of `POST /classify`. */
export const classifyQuerySchema = z.strictObject({
  model: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe(
      'Name of a model that GET /models lists. Default: `texture-net`, otherwise `reference`, otherwise the first by name.',
    ),
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
    .describe('`auto`: up to 15 patches that cover the image; `center`: only the centre patch.'),
});
export type ClassifyQuery = z.infer<typeof classifyQuerySchema>;

/** A JSON body with one or more images, as base64 or data URLs. */
export const imagesBodySchema = z.union([
  z.strictObject({ image: z.string().describe('An image file as base64 or as a data URL.') }),
  z.strictObject({ images: z.array(z.string()).min(1).describe('Several image files.') }),
]);

const predictionSchema = z.strictObject({
  label: z.string(),
  probability: z.number().min(0).max(1),
});

const milliseconds = z.number().min(0);

/** Response of `POST /classify`: one result per image, in the order of the request. */
export const classifyAnswerSchema = z.strictObject({
  model: z.strictObject({ name: z.string(), sha256: z.string() }),
  results: z.array(
    z.strictObject({
      /** By descending probability. */
      predictions: z.array(predictionSchema),
      /** Number of patches that were classified. */
      crops: z.int().min(1),
      /** Whether the image shows one of the classes at all; absent if the model cannot tell. */
      known: z.boolean().optional(),
    }),
  ),
  /** Maximum over the images of the request, for each stage. */
  timings: z.strictObject({ decodeMs: milliseconds, queueMs: milliseconds, inferMs: milliseconds }),
});
export type ClassifyAnswer = z.infer<typeof classifyAnswerSchema>;

/** Response of `GET /models`. */
export const modelListSchema = z.strictObject({
  /** Name of the default model; absent if no model is loaded. */
  default: z.string().optional(),
  models: z.array(
    z.strictObject({
      name: z.string(),
      /** Hash of the portable file, as in the response of `POST /classify`. */
      sha256: z.string(),
      bytes: z.int(),
      labels: z.array(z.string()),
      input: modelInputSchema,
      /** Top-1 error on the validation patches. */
      top1err: z.number().optional(),
      /** Device that runs the model. */
      device: z.string(),
      /** URLs of its files, relative to the URL of the list. */
      files: z.array(z.string()),
    }),
  ),
});
export type ModelList = z.infer<typeof modelListSchema>;

const codes = Object.keys(errorCodes) as [TexturaErrorCode, ...TexturaErrorCode[]];

/** RFC 9457 problem details; the body of every response with status 400 or above. */
export const problemSchema = z.strictObject({
  /** `urn:textura:problem:` followed by the code. */
  type: z.string(),
  /** Meaning of the code. */
  title: z.string(),
  status: z.int(),
  code: z.enum(codes),
  /** The message of the error. */
  detail: z.string(),
  /** Also in the header X-Request-Id and in the log. */
  requestId: z.string(),
});
export type Problem = z.infer<typeof problemSchema>;

export const problemMediaType = 'application/problem+json';
