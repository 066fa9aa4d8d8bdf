/** The service's settings: every default in one place, and those that depend on the machine. */
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { maxImagePixelsOption } from '../model/image-options.ts';
import { issueTexts } from '../model/issue-text.ts';
import { gridLimit } from '../model/patch.ts';
import { usableCores } from '../node/machine.ts';
import { inferenceDevices } from './inference/inference-lane.ts';

export const logLevels = ['silent', 'error', 'warn', 'info', 'debug'] as const;

const mebibyte = 1024 * 1024;
const count = z.int().min(1);

export const serveOptions = z.strictObject({
  models: z.string().min(1).default('models').describe('folder of models made by npm run export'),
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on; 0.0.0.0 for every network'),
  port: z.int().min(0).max(65_535).default(8080).describe('port to listen on; 0 for any that is free'),
  device: z
    .enum(['auto', ...inferenceDevices])
    .default('auto')
    .describe('what computes; auto: a GPU where there is one that is right and faster, else the processor'),
  inferenceWorkers: count.optional().describe('threads that compute batches side by side (default by cores)'),
  inferenceThreads: count.optional().describe('processor threads of each of them (default by cores)'),
  decodeThreads: count.optional().describe('threads that decode images (default by cores)'),
  batchPatches: z
    .int()
    .min(gridLimit)
    .max(1024)
    .optional()
    .describe('most patches of a batch (default 16 a thread, up to 32)'),
  manyFromPatches: count
    .default(6)
    .describe('patches from which on a batch is computed by the throughput file, where there is one'),
  gatherPatches: count
    .default(16)
    .describe('patches that must wait before a second batch is computed in parallel'),
  queueImages: count
    .default(256)
    .describe('images that wait or are in work at a time; more are answered 503'),
  deadlineMs: count
    .default(10_000)
    .describe('longest time to an answer after the upload; later ones are answered 504'),
  maxUploadBytes: z
    .int()
    .min(1024)
    .default(32 * mebibyte)
    .describe('bytes of images in one request'),
  maxImages: count.max(1000).default(16).describe('images in one request'),
  maxImagePixels: maxImagePixelsOption,
  maxBufferedBytes: z
    .int()
    .min(1024)
    .default(256 * mebibyte)
    .describe('memory for uploads, all together'),
  headersTimeoutMs: count.default(10_000).describe('longest time until the headers of a request are there'),
  uploadTimeoutMs: count.default(60_000).describe('longest time that an upload may take'),
  uploadStallMs: count.default(10_000).describe('longest pause within an upload'),
  maxConnections: count.default(1024).describe('connections at a time'),
  reloadIntervalMs: count.default(2000).describe('time between two looks at the folder of models'),
  maxModelBytes: count.default(512 * mebibyte).describe('bytes of an ONNX file'),
  drainMs: z.int().min(0).default(1000).describe('time between not ready any more and the end of listening'),
  shutdownMs: count.default(20_000).describe('longest time to answer what was accepted before the end'),
  allowOrigin: z.string().min(1).optional().describe('origin whose pages may use the service (CORS), or *'),
  trustProxyHops: z
    .int()
    .min(0)
    .default(0)
    .describe('reverse proxies in front whose X-Forwarded-For is believed'),
  logLevel: z.enum(logLevels).default('info').describe('least level of what is logged'),
});
export type ServeOptions = z.infer<typeof serveOptions>;

/** Set outside the command line, where other users of the machine could read it. */
const environmentSchema = z.object({
  /** Asked of every client where it is set. */
  TEXTURA_API_KEY: z.string().min(16).optional(),
});

export interface ServeSettings extends ServeOptions {
  readonly inferenceWorkers: number;
  readonly inferenceThreads: number;
  readonly batchPatches: number;
  readonly aloneThreads: number;
  readonly decodeThreads: number;
  readonly apiKey: string | undefined;
}

/**
 * Settings for this machine. A batch alone has all cores, unless fewer were asked for. Batches side by side on a thread each compute more than one batch at a time on all cores (by a fifth on two
 * cores); beyond four, memory for weights grows faster than what is gained. On one thread 16 patches are as fast as 32, and answers to a large
 * batch hold the event loop for longer. Errors: `usage`.
 */
export function resolveSettings(
  options: ServeOptions,
  environment: NodeJS.ProcessEnv,
  cores = usableCores(),
): ServeSettings {
  const parsed = environmentSchema.safeParse(environment);
  // Without what was found: it is a secret.
  if (!parsed.success) throw new TexturaError('usage', issueTexts(parsed.error).join('\n'));
  const inferenceWorkers = options.inferenceWorkers ?? Math.min(4, cores);
  const inferenceThreads = options.inferenceThreads ?? Math.max(1, Math.floor(cores / inferenceWorkers));
  const askedThreads = options.inferenceThreads === undefined ? cores : inferenceWorkers * inferenceThreads;
  return {
    ...options,
    inferenceWorkers,
    inferenceThreads,
    batchPatches: options.batchPatches ?? Math.min(32, 16 * inferenceThreads),
    aloneThreads: Math.min(cores, askedThreads),
    decodeThreads: options.decodeThreads ?? Math.min(4, cores),
    apiKey: parsed.data.TEXTURA_API_KEY,
  };
}
