/**
 * Environment variables that native libraries read when they load. Every module that loads one imports this
 * module first; later processes and worker threads inherit the values. In a worker thread `process.env` is a
 * copy that native code does not see, so `thread.ts` imports this module too.
 */
import type { Precision } from '../model/run-file.ts';

const defaults = {
  // Otherwise onnxruntime 1.29 and newer report usage to their vendor on Linux and macOS: names of files,
  // graphs and machines.
  ORT_DISABLE_TELEMETRY: '1',
  // Otherwise cuBLAS and cuDNN round float32 inputs to 10 bits (TensorFloat-32), and results differ in the
  // third digit.
  NVIDIA_TF32_OVERRIDE: '0',
} as const;

// A value set by the user stays; an empty one counts as unset.
for (const [name, value] of Object.entries(defaults)) process.env[name] ||= value;

/** The precision that CUDA computes in with this environment. */
export function cudaPrecision(): Precision {
  return process.env.NVIDIA_TF32_OVERRIDE === defaults.NVIDIA_TF32_OVERRIDE ? 'float32' : 'tf32';
}
