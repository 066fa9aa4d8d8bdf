/**
 * Chooses the engine and the device for --engine and --device, with the reason that the log and run.json
 * state.
 */
import { z } from 'zod';
import { TexturaError } from '../../model/error.ts';
import type { BindingFacts } from './tensorflow/probe.ts';

export const engineOptions = ['auto', 'tfjs', 'onnx'] as const;
/** `gpu` is whatever GPU backend the engine has; `webgpu` and `cuda` are backends of the onnx engine. */
export const deviceNames = ['cpu', 'gpu', 'webgpu', 'cuda'] as const;
export const deviceOptions = ['auto', ...deviceNames] as const;
/** Options of the commands that train. */
export const engineFlags = {
  engine: z.enum(engineOptions).default('auto').describe('training engine'),
  device: z.enum(deviceOptions).default('auto').describe('device of the engine'),
};
export type RequestedEngine = (typeof engineOptions)[number];
export type RequestedDevice = (typeof deviceOptions)[number];

export interface EngineRequest {
  readonly engine: RequestedEngine;
  readonly device: RequestedDevice;
}

export const engineChoiceSchema = z.strictObject({
  engine: z.enum(engineOptions).exclude(['auto']),
  device: z.enum(deviceOptions).exclude(['auto']),
  why: z.string(),
  /** Whether to train on the CPU if the device cannot be used, because nobody requested it. */
  mayUseCpu: z.boolean().optional(),
});
export type EngineChoice = Readonly<z.infer<typeof engineChoiceSchema>>;

interface MachineGpus {
  /** What TensorFlow reports; undefined if it is not installed. */
  readonly tensorflow?: BindingFacts | undefined;
  /** Whether there is an NVIDIA GPU and onnxruntime's CUDA provider is installed. */
  readonly hasCuda?: boolean;
}

/**
 * `auto` is tfjs if TensorFlow sees a GPU, otherwise onnx, on CUDA if that is set up. onnxruntime uses WebGPU
 * only on request, because whether it can shows only when a session opens.
 * Errors: `usage` for a device that the requested engine does not support.
 */
export function chooseEngine(
  { engine, device }: EngineRequest,
  { tensorflow, hasCuda = false }: MachineGpus,
): EngineChoice {
  const isOfOnnx = device === 'webgpu' || device === 'cuda';
  if (engine === 'tfjs' && isOfOnnx) {
    throw new TexturaError('usage', `--engine tfjs: expected --device auto, cpu or gpu, got ${device}`);
  }
  if (engine !== 'auto' && device !== 'auto') return { engine, device, why: `--engine ${engine}` };
  if (device === 'cpu' || isOfOnnx) return { engine: 'onnx', device, why: `--device ${device}` };
  const seesGpu = tensorflow?.gpu === true;
  if (engine === 'tfjs') return { engine, device: seesGpu ? 'gpu' : 'cpu', why: '--engine tfjs' };
  if (engine === 'auto' && seesGpu) return { engine: 'tfjs', device: 'gpu', why: 'TensorFlow sees a GPU' };
  if (device === 'auto' && hasCuda)
    return { engine: 'onnx', device: 'cuda', why: 'CUDA is set up', mayUseCpu: true };
  const noGpu = tensorflow === undefined ? 'TensorFlow is not set up' : 'TensorFlow sees no GPU';
  const why = engine === 'auto' ? noGpu : `--engine ${engine}`;
  return { engine: 'onnx', device: device === 'auto' ? 'cpu' : device, why };
}
