/** PyTorch for measuring against: the person's own (TEXTURA_BENCH_PYTHON), else in an environment that is made for it. */
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../node/program.ts';
import { type PythonEnvironment, pythonEnvironment } from '../../node/python-environment.ts';
import { cacheFolder } from '../../training/tensorflow/location.ts';

/** As people write it; with activations channel by channel beside each other; and with products in bfloat16 as well. */
export const pytorchSettings = ['default', 'channels_last', 'channels_last_bf16'] as const;
export type PytorchSetting = (typeof pytorchSettings)[number];

/** The program that takes PyTorch's steps. */
export const torchStepPath = fileURLToPath(new URL('./torch_step.py', import.meta.url));

const requirements = fileURLToPath(new URL('./requirements.txt', import.meta.url));

/** An interpreter that has PyTorch, or why there is none. `printLine` is told before a long installation. */
export async function findPytorch(printLine: (line: string) => void): Promise<PythonEnvironment> {
  const found = await interpreter(printLine);
  if ('missing' in found) return found;
  const { status, stderr } = await runProgram(found.python, ['-c', 'import torch']);
  return status === 0 ? found : { missing: `${found.python} has no PyTorch: ${lastLine(stderr)}` };
}

async function interpreter(printLine: (line: string) => void): Promise<PythonEnvironment> {
  const own = process.env.TEXTURA_BENCH_PYTHON;
  if (own) return { python: own };
  try {
    return await pythonEnvironment({
      purpose: 'bench',
      requirements,
      cache: cacheFolder(),
      withDependencies: true,
      onInstall: () =>
        printLine('Installing PyTorch into a Python environment of its own, once (some GB) ...'),
    });
  } catch (error) {
    return { missing: `it could not be installed: ${lastLine(error instanceof Error ? error.message : '')}` };
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) || 'it ended without a word';
}
