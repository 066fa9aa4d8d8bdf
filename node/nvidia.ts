/** NVIDIA's GPUs, as the driver's own program lists them. */
import { runProgram } from './program.ts';

/** One line a GPU: name, driver, memory; none where there is no driver or no GPU. */
export async function nvidiaGpus(): Promise<string[]> {
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
  const { status, stdout } = await runProgram('nvidia-smi', query, { timeoutMs: 20_000 });
  return status === 0 ? parseGpuList(stdout) : [];
}

/** The lines that describe a GPU: some drivers end well when there is none and say so in a sentence. */
export function parseGpuList(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.split(',').length === 3);
}
