/**
 * Loads @tensorflow/tfjs-node-gpu on every Node version and without log output. The only import of the
 * package, because TensorFlow reads its environment variables when its libraries load.
 */
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import nodeUtil from 'node:util';
import { messageOf, TexturaError } from '../../../model/error.ts';
import { usableCores } from '../../../node/machine.ts';
import { commandText } from '../../../node/shell.ts';
import '../../../node/native-environment.ts';
import { hushName, installedBindingPath, tensorflowInstalled } from './location.ts';
import { type BindingFacts, probeBinding } from './probe.ts';

export type TensorFlow = typeof import('@tensorflow/tfjs-node-gpu');

interface TensorflowSettings {
  /**
   * Threads within an operation; default: all usable cores. Only effective in the first load of a process.
   */
  readonly threads?: number;
  /**
   * `cpu` hides GPUs from TensorFlow; default: a GPU if it sees one. Only effective in the first load of a
   * process.
   */
  readonly device?: 'cpu' | 'gpu';
}

const setupHint = `${commandText('setup:tensorflow')} sets it up, ${commandText('doctor')} shows what this machine has`;

let loaded: TensorFlow | undefined;

/**
 * TensorFlow with its backend ready; the same object every time. Not for worker threads: their `process.env`
 * is a copy that TensorFlow does not read. Errors: `engine-unavailable` if it is not set up or its
 * libraries do not load.
 */
export async function loadTensorflow(settings: TensorflowSettings = {}): Promise<TensorFlow> {
  if (loaded !== undefined) return loaded;
  if (!tensorflowInstalled()) {
    throw new TexturaError('engine-unavailable', `TensorFlow is not set up on this machine: ${setupHint}`);
  }
  setEnvironment(settings);
  replaceUtilFunctions();
  const tensorflow = requirePackage();
  // Keeps tfjs from advising to use tfjs-node when its own JavaScript backend is touched.
  tensorflow.enableProdMode();
  await tensorflow.ready();
  loaded = tensorflow;
  return loaded;
}

/** In addition to `native-environment.ts`, which is for every runtime. Values that are set already stay. */
function setEnvironment({ threads = usableCores(), device }: TensorflowSettings): void {
  if (device === 'cpu') process.env.CUDA_VISIBLE_DEVICES = '-1';
  const defaults = {
    // 0 logs everything, 2 only errors. Below 2, TensorFlow logs the CPU's features and missing CUDA.
    TF_CPP_MIN_LOG_LEVEL: '2',
    TF_NUM_INTRAOP_THREADS: String(threads),
    TF_NUM_INTEROP_THREADS: '1',
    OMP_NUM_THREADS: String(threads),
    // By default TensorFlow uses oneDNN only on some CPUs; without it the gradient of a wide convolution
    // takes 8 times as long.
    TF_ENABLE_ONEDNN_OPTS: '1',
    // By default TensorFlow allocates all memory of a GPU.
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
  };
  for (const [name, value] of Object.entries(defaults)) process.env[name] ??= value;
}

/**
 * The package calls `util.isNullOrUndefined` and `util.isArray`, which left Node in version 23 and warn that
 * they will in 22: the same functions without the warning.
 */
function replaceUtilFunctions(): void {
  const util = nodeUtil as unknown as Record<string, unknown>;
  util.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  util.isArray = Array.isArray;
}

/** Whether the environment asks TensorFlow to log more than errors. */
function wantsGreetings(): boolean {
  return Number(process.env.TF_CPP_MIN_LOG_LEVEL) < 2;
}

function requirePackage(): TensorFlow {
  try {
    const load = () => createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu') as TensorFlow;
    return wantsGreetings() ? load() : withoutStderr(installedBindingPath(), load);
  } catch (error) {
    const message = `TensorFlow does not load: ${messageOf(error)}. ${setupHint}`;
    throw new TexturaError('engine-unavailable', message, { cause: error });
  }
}

/**
 * TensorFlow's version and whether it sees a GPU, asked in a process of its own, so that neither memory of
 * the GPU nor a crash stays here. Undefined if it is not set up. Errors: `engine-unavailable` if it
 * does not load.
 */
export async function tensorflowDevices(): Promise<BindingFacts | undefined> {
  return tensorflowInstalled() ? probeBinding(installedBindingPath()) : undefined;
}

interface Hush {
  hush(): void;
  speak(): void;
}

/**
 * Runs `work` with stderr redirected to nowhere, if setup built the add-on for it next to `binding`;
 * otherwise just runs it. TensorFlow's libraries log before they read their log level.
 */
function withoutStderr<T>(binding: string, work: () => T): T {
  const hush = hushBeside(binding);
  hush?.hush();
  try {
    return work();
  } finally {
    hush?.speak();
  }
}

function hushBeside(binding: string): Hush | undefined {
  const path = join(dirname(realpathSync(binding)), hushName);
  return existsSync(path) ? (createRequire(import.meta.url)(path) as Hush) : undefined;
}
