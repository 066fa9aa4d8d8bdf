/**
 * Installs onnxruntime-node's CUDA libraries. They are too large for the npm package, whose install script
 * downloads them from NuGet; install scripts are off here (`.npmrc`), so this command runs it. `npm ci`
 * removes them again.
 */
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { TexturaError } from '../../model/error.ts';
import { runProgram } from '../../node/program.ts';
import { type Print, stage } from '../stage.ts';

/** The only system that onnxruntime-node publishes CUDA libraries for. */
const platform = 'linux/x64';
const nugetPackage = 'Microsoft.ML.OnnxRuntime.Gpu.Linux';
const libraries = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'];
/** In the same download. */
const unusedLibrary = 'libonnxruntime_providers_tensorrt.so';

/**
 * Downloads the libraries if they are missing, then tests CUDA. Errors: `engine-unavailable` with what is
 * missing or failed.
 */
export async function setUpCuda(print: Print, system = `${process.platform}/${process.arch}`): Promise<void> {
  if (system !== platform) {
    throw new TexturaError(
      'engine-unavailable',
      `onnxruntime-node has CUDA only for ${platform}, and this is ${system}; --device webgpu needs no setup`,
    );
  }
  const places = libraryPaths();
  if (places.every((path) => existsSync(path))) {
    print(`The CUDA libraries of onnxruntime ${await version()} are already installed.`);
  } else {
    await stage(print, `Downloading the CUDA libraries of onnxruntime ${await version()}`, download);
  }
  await testCuda();
  print('onnxruntime runs on CUDA.');
  print(`  libraries  ${dirname(places[0] ?? '')}`);
  print('  undo       npm run setup:cuda -- --remove');
}

export async function removeCuda(print: Print): Promise<void> {
  for (const path of libraryPaths().filter((path) => existsSync(path))) {
    await rm(path);
    print(`removed ${path}`);
  }
}

async function download(): Promise<void> {
  const result = await runProgram(process.execPath, [join('script', 'install.js')], {
    cwd: packageFolder(),
    // Not 'cuda12': the script ignores that value, and under npm exits with status 0 without a download.
    env: { ONNXRUNTIME_NODE_INSTALL: 'true' },
  });
  if (result.interrupted) throw new TexturaError('interrupted', 'stopped while downloading');
  const places = libraryPaths();
  if (result.status === 0 && places.every((path) => existsSync(path))) {
    await rm(join(libraryFolder(), unusedLibrary), { force: true });
    return;
  }
  throw new TexturaError(
    'engine-unavailable',
    [
      `the installer of onnxruntime-node failed: ${causeIn(`${result.stdout}\n${result.stderr}`)}`,
      `If NuGet cannot be reached, download ${nugetPackage} ${await version()} elsewhere (a .nupkg is a zip file) and copy`,
      ...libraries.map((name) => `  runtimes/linux-x64/native/${name}`),
      `into ${libraryFolder()}. --device webgpu needs no download.`,
    ].join('\n'),
  );
}

/** The line with the reason in a program's output, which ends with a stack trace. */
function causeIn(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  const cause = lines.find((line) => /^(\w*Error|\[?cause\]?)\b.*:/.test(line));
  return cause ?? lines.filter((line) => line !== '').at(-1) ?? 'it printed nothing';
}

/** In a separate process, because an incompatible library may crash it. */
async function testCuda(): Promise<void> {
  const script = join(import.meta.dirname, 'cuda-test.ts');
  const result = await runProgram(process.execPath, [...process.execArgv, script], { timeoutMs: 120_000 });
  if (result.status === 0) return;
  throw new TexturaError(
    'engine-unavailable',
    [
      `the libraries are installed, but onnxruntime cannot use CUDA: ${result.stderr.trim() || result.signal}`,
      'It needs an NVIDIA driver for CUDA 12 (nvidia-smi shows it), and the libraries of CUDA 12 and cuDNN 9 on LD_LIBRARY_PATH.',
    ].join('\n'),
  );
}

function packageFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
}

function libraryFolder(): string {
  return join(packageFolder(), 'bin', 'napi-v6', platform);
}

function libraryPaths(): readonly string[] {
  return libraries.map((name) => join(libraryFolder(), name));
}

async function version(): Promise<string> {
  return JSON.parse(await readFile(join(packageFolder(), 'package.json'), 'utf8')).version;
}
