/** The service's options with their defaults, and the settings that depend on the machine. */
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { maxImagePixelsOption } from '../model/image-options.ts';
import { issueTexts } from '../model/issue-text.ts';
import { gridLimit } from '../model/patch.ts';
import { usableCores } from '../node/machine.ts';
import { commandText } from '../node/shell.ts';
import { inferenceDeviceOptions } from './inference/devices.ts';
import { logFormats, logLevels } from './log.ts';
import { largestBodyBytes } from './upload-budget.ts';

const mebibyte = 1024 * 1024;
const count = z.int().min(1);
/** Up to a day: Node's timers end at once if a time, or a sum of several, has more than 31 bits. */
const longestMs = 86_400_000;
const milliseconds = count.max(longestMs);

/**
 * The origin of pages at an address, as browsers send it: in ASCII, without a default port and a path. Undefined
 * if the text is no address of one host.
 */
function webOrigin(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, host } = new URL(text);
  return host === '' || /[*,]/.test(host) ? undefined : `${protocol}//${host}`;
}

function originFault(text: string): string {
  const expected = 'expected an origin such as https://example.org, or *';
  // Of a file, and of a frame with the attribute sandbox, which every site can have.
  if (text === 'null') return `${expected}; null would allow pages of every site, as * does`;
  const origin = webOrigin(text);
  return origin === undefined ? expected : `expected ${origin}, which is how browsers send this origin`;
}

export const serveOptions = z.strictObject({
  models: z
    .string()
    .min(1)
    .default('models')
    .describe(`folder of models made by ${commandText('export')}`),
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on; 0.0.0.0 for all interfaces'),
  port: z.int().min(0).max(65_535).default(8080).describe('port to listen on; 0 for any free port'),
  processes: count
    .max(64)
    .default(1)
    .describe('processes that serve; each has its own queue, threads and sessions'),
  device: z
    .enum(inferenceDeviceOptions)
    .default('auto')
    .describe('inference device; auto: a GPU if it passes the self-check and is faster, otherwise the CPU'),
  inferenceWorkers: count
    .optional()
    .describe('workers that run batches in parallel (default: by number of cores)'),
  inferenceThreads: count.optional().describe('CPU threads of each worker (default: by number of cores)'),
  decodeThreads: count.optional().describe('threads that decode images (default: by number of cores)'),
  batchPatches: z
    .int()
    .min(gridLimit)
    .max(1024)
    .optional()
    .describe('maximum patches in a batch (default: 16 per thread, up to 32; 256 on a GPU)'),
  largeBatchPatches: count
    .default(6)
    .describe('smallest batch that runs on the throughput file, if there is one'),
  gatherPatches: count.default(16).describe('patches that must wait before a second batch runs in parallel'),
  queueImages: count
    .optional()
    .describe('maximum images in flight; more are answered 503 (default: 256 in each process)'),
  deadlineMs: milliseconds
    .default(10_000)
    .describe('maximum time from the end of the upload to the answer; then 504'),
  maxUploadBytes: z
    .int()
    .min(1024)
    .default(32 * mebibyte)
    .describe('maximum bytes of images in one request'),
  maxImages: count.max(1000).default(16).describe('maximum images in one request'),
  maxImagePixels: maxImagePixelsOption,
  maxBufferedBytes: z
    .int()
    .min(1024)
    .default(256 * mebibyte)
    .describe('memory for all uploads together'),
  headersTimeoutMs: milliseconds.default(10_000).describe('maximum time to receive the headers of a request'),
  uploadTimeoutMs: milliseconds.default(60_000).describe('maximum time to receive a request body'),
  uploadStallMs: milliseconds.default(10_000).describe('maximum pause within a request body'),
  maxConnections: count.default(1024).describe('maximum open connections'),
  reloadIntervalMs: milliseconds.default(2000).describe('interval at which the folder of models is checked'),
  maxModelBytes: count.default(512 * mebibyte).describe('maximum size of an ONNX file'),
  drainMs: z
    .int()
    .min(0)
    .max(longestMs)
    .default(1000)
    .describe('on shutdown: time between reporting not ready and closing the port'),
  shutdownMs: milliseconds.default(20_000).describe('on shutdown: maximum time to answer accepted requests'),
  allowOrigin: z
    .string()
    .refine((text) => text === '*' || text === webOrigin(text), {
      error: ({ input }) => originFault(String(input)),
    })
    .optional()
    .describe('origin whose pages may use the service (CORS); * for all, also files and sandboxed frames'),
  trustProxyHops: z
    .int()
    .min(0)
    .default(0)
    .describe('number of trusted reverse proxies that set X-Forwarded-For'),
  logLevel: z.enum(logLevels).default('info').describe('minimum level of log messages'),
  logFormat: z
    .enum(logFormats)
    .default('auto')
    .describe('format of log messages; auto: text on a terminal, otherwise JSON lines'),
});
export type ServeOptions = z.infer<typeof serveOptions>;

/** Not on the command line, where other users of the machine could read it. */
const environmentSchema = z.object({
  // A header cannot have spaces at its ends; files of secrets often end with a line feed.
  TEXTURA_API_KEY: z.string().trim().min(16).optional(),
});

export interface ServeSettings extends ServeOptions {
  readonly inferenceWorkers: number;
  readonly inferenceThreads: number;
  readonly batchPatches: number;
  readonly queueImages: number;
  /** Maximum patches in a batch on a GPU. */
  readonly gpuBatchPatches: number;
  /** CPU threads of a run while nothing else runs. */
  readonly soloThreads: number;
  readonly decodeThreads: number;
  readonly apiKey: string | undefined;
}

/**
 * Settings of each of the service's processes. They divide the cores, the images in flight, the connections
 * and the memory for uploads; each can take the largest request that the service would take in one process.
 * Errors: `usage`.
 */
export function settingsOfProcess(
  options: ServeOptions,
  environment: NodeJS.ProcessEnv,
  cores = usableCores(),
): ServeSettings {
  const { processes, queueImages, maxImages, maxConnections, maxBufferedBytes, maxUploadBytes } = options;
  const share = (total: number, least: number) =>
    Math.max(Math.ceil(total / processes), Math.min(total, least));
  const divided = {
    ...(queueImages !== undefined && { queueImages: share(queueImages, maxImages) }),
    maxConnections: share(maxConnections, 1),
    maxBufferedBytes: share(maxBufferedBytes, largestBodyBytes(maxUploadBytes)),
  };
  const ownCores = Math.max(1, Math.floor(cores / processes));
  return resolveSettings({ ...options, ...divided }, environment, ownCores);
}

/**
 * Settings for this machine. A single batch uses all cores, unless fewer were set. Parallel batches on one
 * thread each are a fifth faster than one batch after another on all cores (measured on two); beyond four
 * workers, memory for weights grows more than the speed. On one thread 16 patches are as fast as 32, and
 * answering a larger batch blocks the event loop longer. Errors: `usage`.
 */
export function resolveSettings(
  options: ServeOptions,
  environment: NodeJS.ProcessEnv,
  cores = usableCores(),
): ServeSettings {
  const parsed = environmentSchema.safeParse(environment);
  // Without the value: it is a secret.
  if (!parsed.success) throw new TexturaError('usage', issueTexts(parsed.error).join('\n'));
  const inferenceWorkers = options.inferenceWorkers ?? Math.min(4, cores);
  const inferenceThreads = options.inferenceThreads ?? Math.max(1, Math.floor(cores / inferenceWorkers));
  const wantedThreads = options.inferenceThreads === undefined ? cores : inferenceWorkers * inferenceThreads;
  return {
    ...options,
    inferenceWorkers,
    inferenceThreads,
    batchPatches: options.batchPatches ?? Math.min(32, 16 * inferenceThreads),
    queueImages: options.queueImages ?? 256,
    gpuBatchPatches: options.batchPatches ?? 256,
    soloThreads: Math.min(cores, wantedThreads),
    decodeThreads: options.decodeThreads ?? Math.min(4, cores),
    apiKey: parsed.data.TEXTURA_API_KEY,
  };
}
