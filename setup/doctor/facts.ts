/**
 * Gathers what this machine has for Textura. If a fact cannot be determined, it is absent; it never fails the
 * command.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, type } from 'node:os';
import { messageOf } from '../../model/error.ts';
import type { Precision } from '../../model/run-file.ts';
import { availableMemoryBytes, memoryLimitBytes, nvidiaGpus, usableCores } from '../../node/machine.ts';
import { cudaPrecision } from '../../node/native-environment.ts';
import { productVersion } from '../../node/product-version.ts';
import { firstLineOf } from '../../node/program.ts';
import { commandText } from '../../node/shell.ts';
import { chooseEngine, type EngineChoice } from '../../training/engine/engine-choice.ts';
import { hasCuda } from '../../training/engine/engine-opening.ts';
import { tensorflowDevices } from '../../training/engine/tensorflow/load.ts';
import { tfjsVersion } from '../../training/engine/tensorflow/location.ts';
import type { BindingFacts } from '../../training/engine/tensorflow/probe.ts';
import { type CudaDriver, findDriver } from '../cuda/driver.ts';
import { installedLibraries } from '../cuda/libraries.ts';
import { freeDiskMiB } from '../prerequisites.ts';

/** A component, or why it is not available. */
type Found<T> = T | { readonly problem: string };

export interface ProviderFact {
  readonly name: string;
  /** Whether it is part of the package; others need additional libraries. */
  readonly bundled: boolean;
}

interface CudaFacts {
  /** The precision of CUDA, and the value of NVIDIA_TF32_OVERRIDE that determines it. */
  readonly precision: Precision;
  readonly tf32Override: string;
  readonly driver: CudaDriver;
  /** Paths of the provider's libraries and of NVIDIA's by name, without those that are missing. */
  readonly provider: Readonly<Record<string, string>>;
  readonly libraries: Readonly<Record<string, string>>;
}

export interface MachineFacts {
  readonly textura: string;
  readonly node: { readonly version: string; readonly path: string };
  readonly system: { readonly name: string; readonly arch: string };
  readonly processor: { readonly model: string; readonly usableCores: number; readonly visibleCores: number };
  readonly memory: { readonly availableBytes: number; readonly limitBytes: number };
  readonly disk: { readonly folder: string; readonly freeBytes: number };
  /** Name, driver, memory, from nvidia-smi. */
  readonly gpus: readonly string[];
  readonly cuda: CudaFacts;
  readonly tfjs: Found<BindingFacts & { readonly tfjs: string }>;
  readonly onnx: Found<{ readonly onnxruntime: string; readonly providers: readonly ProviderFact[] }>;
  /** The first line of each tool's version. */
  readonly tools: Readonly<Partial<Record<Tool, string>>>;
  readonly train: EngineChoice;
  readonly classify: Found<{ readonly runtime: string; readonly device: string }>;
}

/** How each tool shows its version. */
const tools = {
  python3: ['python3', '--version'],
  pip: ['python3', '-m', 'pip', '--version'],
  'g++': ['g++', '--version'],
  make: ['make', '--version'],
} as const;
export type Tool = keyof typeof tools;

export async function gatherFacts(folder: string): Promise<MachineFacts> {
  const [tensorflow, onnx, gpus, cuda, found, freeMiB] = await Promise.all([
    findTensorflow(),
    findOnnxruntime(),
    nvidiaGpus(),
    findCuda(),
    findTools(),
    freeDiskMiB(folder),
  ]);
  return {
    textura: productVersion(),
    node: { version: process.version, path: process.execPath },
    system: { name: systemName(), arch: process.arch },
    processor: {
      model: cpus()[0]?.model.trim() ?? 'unknown',
      usableCores: usableCores(),
      visibleCores: availableParallelism(),
    },
    memory: { availableBytes: availableMemoryBytes(), limitBytes: memoryLimitBytes() },
    disk: { folder, freeBytes: freeMiB * 2 ** 20 },
    gpus,
    cuda,
    tfjs: 'problem' in tensorflow ? tensorflow : { tfjs: tfjsVersion, ...tensorflow },
    onnx,
    tools: found,
    train: chooseEngine(
      { engine: 'auto', device: 'auto' },
      { tensorflow: 'problem' in tensorflow ? undefined : tensorflow, hasCuda: await hasCuda() },
    ),
    classify: 'problem' in onnx ? onnx : { runtime: `onnxruntime ${onnx.onnxruntime}`, device: 'cpu' },
  };
}

async function findTensorflow(): Promise<Found<BindingFacts>> {
  try {
    return (await tensorflowDevices()) ?? { problem: `not set up: ${commandText('setup:tensorflow')}` };
  } catch (error) {
    return { problem: reasonOf(error) };
  }
}

async function findOnnxruntime(): Promise<MachineFacts['onnx']> {
  try {
    const runtime = await import('../../node/onnxruntime.ts');
    return {
      onnxruntime: runtime.env.versions.node ?? 'unknown',
      providers: runtime.listSupportedBackends(),
    };
  } catch (error) {
    return { problem: reasonOf(error) };
  }
}

async function findCuda(): Promise<CudaFacts> {
  return {
    precision: cudaPrecision(),
    tf32Override: process.env.NVIDIA_TF32_OVERRIDE ?? '',
    driver: await findDriver(),
    ...(await installedLibraries()),
  };
}

async function findTools(): Promise<MachineFacts['tools']> {
  const answers = await Promise.all(
    Object.entries(tools).map(async ([tool, [program, ...args]]) => {
      // pip adds where it is installed.
      const answer = (await firstLineOf(program, args))?.replace(/ from .*$/, '');
      return [tool, answer] as const;
    }),
  );
  return Object.fromEntries(answers.filter(([, answer]) => answer !== undefined));
}

/** The name in os-release and the kernel's. */
function systemName(): string {
  const kernel = `${type()} ${release()}`;
  try {
    const name = /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
    return name === undefined ? kernel : `${name}, ${kernel}`;
  } catch {
    return kernel;
  }
}

function reasonOf(error: unknown): string {
  return messageOf(error).split('\n')[0] ?? '';
}
