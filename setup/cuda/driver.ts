/** The NVIDIA driver and its GPUs, and whether they run the libraries of CUDA 13. */
import { runProgram } from '../../node/program.ts';
import { systemLibraries } from './libraries.ts';

/** The first driver for CUDA 13. */
const firstDriver = 580;
/** The lowest compute capability (Turing) that CUDA 13 and onnxruntime's kernels support. */
const lowestCapability = 7.5;

interface CudaGpu {
  readonly name: string;
  readonly driver: string;
  readonly computeCapability: string;
}

export interface CudaDriver {
  readonly gpus: readonly CudaGpu[];
  /** What nvidia-smi says if it finds none. */
  readonly problem?: string;
  /** Path of libcuda.so.1, the driver's library. */
  readonly library?: string;
}

export async function findDriver(): Promise<CudaDriver> {
  const query = ['--query-gpu=name,driver_version,compute_cap', '--format=csv,noheader'];
  const { status, stdout, stderr } = await runProgram('nvidia-smi', query, { timeoutMs: 20_000 });
  const gpus = status === 0 ? parseGpus(stdout) : [];
  const said = `${stdout}\n${stderr}`.trim().split('\n')[0] || `exit ${status}`;
  const problem = stderr.includes('ENOENT') ? 'nvidia-smi is not installed' : `nvidia-smi says: ${said}`;
  const library = (await systemLibraries(['libcuda.so.1'])).get('libcuda.so.1');
  return {
    gpus,
    ...(gpus.length === 0 && { problem }),
    ...(library !== undefined && { library }),
  };
}

/** GPUs in the answer of nvidia-smi, which without one may be a sentence with exit status 0. */
export function parseGpus(text: string): CudaGpu[] {
  return text.split('\n').flatMap((line) => {
    const [, name, driver, computeCapability] = /^(.+), ([\d.]+), ([\d.]+)$/.exec(line.trim()) ?? [];
    return name && driver && computeCapability ? [{ name, driver, computeCapability }] : [];
  });
}

/** What is missing for CUDA 13, each with the remedy. */
export function driverLacks({ gpus, problem, library }: CudaDriver): string[] {
  const install = `install driver ${firstDriver} or newer (on Ubuntu: sudo apt install nvidia-driver-${firstDriver}-server, then restart)`;
  if (library === undefined) {
    return gpus.length === 0
      ? [`an NVIDIA driver (${problem}; libcuda.so.1 is not on this system): ${install}`]
      : [
          'libcuda.so.1, which the driver brings; nvidia-smi works. In a container: start it with --gpus all ' +
            'and NVIDIA_DRIVER_CAPABILITIES=compute,utility',
        ];
  }
  const lacks: string[] = [];
  const [first] = gpus;
  if (first !== undefined && Number.parseInt(first.driver, 10) < firstDriver) {
    lacks.push(`a driver for CUDA 13: expected ${firstDriver} or newer, got ${first.driver}; ${install}`);
  }
  if (first !== undefined && gpus.every((gpu) => Number(gpu.computeCapability) < lowestCapability)) {
    lacks.push(
      `a GPU of compute capability ${lowestCapability} or higher, got ${first.computeCapability} (${first.name}); use --device webgpu`,
    );
  }
  return lacks;
}
