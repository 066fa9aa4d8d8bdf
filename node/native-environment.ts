/**
 * What native libraries read from the environment when they load. Everything that loads one imports this module first; processes and
 * worker threads that start later inherit the values. In a worker thread `process.env` is a copy that native code does not see, so
 * `thread.ts` imports it too.
 */
import type { Precision } from '../model/run-file.ts';

const defaults = {
  // Unset, onnxruntime 1.29 and newer report usage to their vendor on Linux and macOS: names of files, graphs and machines.
  ORT_DISABLE_TELEMETRY: '1',
  // Unset, cuBLAS and cuDNN round float32 inputs to 10 bits (TensorFloat-32) and answers differ in the third digit.
  NVIDIA_TF32_OVERRIDE: '0',
} as const;

// A value that the person set stays; an empty one is none.
for (const [name, value] of Object.entries(defaults)) process.env[name] ||= value;

/** The precision that CUDA computes in with this environment. */
export function cudaPrecision(): Precision {
  return process.env.NVIDIA_TF32_OVERRIDE === defaults.NVIDIA_TF32_OVERRIDE ? 'float32' : 'tf32';
}
