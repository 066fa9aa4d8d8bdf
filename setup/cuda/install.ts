/**
 * Installs what onnxruntime-node needs for CUDA: the provider, which is too large for the npm package, and
 * NVIDIA's libraries where the machine lacks them. They go into a folder of the cache, so that after `npm ci`
 * only links are missing, which the next session on CUDA restores (`node/cuda-libraries.ts`).
 */
import { lstatSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TexturaError } from '../../model/error.ts';
import { callerPath } from '../../node/caller-path.ts';
import {
  bindingFolder,
  cudaFolder,
  linkProvider,
  onnxruntimeVersion,
  providerLibraries,
} from '../../node/cuda-libraries.ts';
import { nodeArguments } from '../../node/own-module.ts';
import { runProgram } from '../../node/program.ts';
import { commandText } from '../../node/shell.ts';
import { diskLacks, pythonLacks, throwIfLacking } from '../prerequisites.ts';
import { type Print, stage } from '../stage.ts';
import { driverLacks, findDriver } from './driver.ts';
import {
  hasAllLibraries,
  hasLibraries,
  installLibraries,
  librariesIn,
  librariesOfMachine,
  linkedFolders,
  linkLibraries,
  removeLinks,
} from './libraries.ts';
import { cudaWheels, type PinnedWheel } from './wheels.ts';

/** The only system that onnxruntime-node publishes a CUDA provider for. */
const platform = 'linux/x64';
const nugetPackage = 'Microsoft.ML.OnnxRuntime.Gpu.Linux';

export interface CudaSetup {
  /** Downloads without checking the driver or testing CUDA. */
  readonly downloadOnly?: boolean;
  /** Downloads NVIDIA's libraries even if the machine has them. */
  readonly bundled?: boolean;
  /** A folder with libraries to use instead of a download. */
  readonly from?: string;
  /** `process.platform/process.arch`. */
  readonly system?: string;
  /** The provider's, then NVIDIA's. */
  readonly wheels?: readonly PinnedWheel[];
}

/**
 * Installs what is missing, then tests CUDA. Errors: `engine-unavailable` with what is missing or failed,
 * `usage` if `from` has no libraries.
 */
export async function setUpCuda(print: Print, setup: CudaSetup = {}): Promise<void> {
  const { system = `${process.platform}/${process.arch}`, wheels = cudaWheels, downloadOnly = false } = setup;
  if (system !== platform) {
    throw new TexturaError(
      'engine-unavailable',
      `onnxruntime-node has CUDA only for ${platform}, and this is ${system}; --device webgpu needs no setup`,
    );
  }
  const [provider, ...nvidia] = wheels;
  if (provider === undefined) throw new TexturaError('internal', 'there is no wheel with the provider');
  const driver = downloadOnly ? undefined : await findDriver();
  const folder = cudaFolder();
  const { links, downloads } = await planOf(setup, provider, nvidia, folder);
  throwIfLacking('CUDA', [
    ...(driver === undefined ? [] : driverLacks(driver)),
    // The provider has another source; NVIDIA's libraries have not.
    ...(downloads.some((wheel) => wheel !== provider) ? await pythonLacks(true) : []),
    ...(downloads.length > 0 ? await diskLacks({ folder, diskMiB: diskMiBFor(downloads) }) : []),
  ]);

  await linkLibraries(links, folder);
  if (downloads.some((wheel) => wheel !== provider)) await removeLinks(folder);
  for (const wheel of downloads) {
    await (wheel === provider ? installProvider(wheel, folder, print) : download(wheel, folder, print));
  }
  if (downloads.length === 0 && links.size === 0) print('The libraries are already installed.');
  const problems = linkProvider(folder, bindingFolder());
  if (problems.length > 0) throw new TexturaError('engine-unavailable', problems.join('\n'));
  if (!downloadOnly) await testCuda(folder);
  print(downloadOnly ? 'The libraries are complete; CUDA was not tested.' : 'onnxruntime runs on CUDA.');
  for (const { name, driver: version, computeCapability } of driver?.gpus ?? []) {
    print(`  GPU        ${name}, driver ${version}, compute capability ${computeCapability}`);
  }
  print(`  libraries  ${folder}`);
  for (const linked of linkedFolders(folder)) print(`  linked to  ${linked}`);
  print(`  undo       ${commandText('setup:cuda', '--remove')}`);
}

interface Plan {
  /** Paths of the user's libraries by name. */
  readonly links: ReadonlyMap<string, string>;
  readonly downloads: readonly PinnedWheel[];
}

/** What to link into `folder`, and which wheels to download because nothing else has their libraries. */
async function planOf(
  { from, bundled = false, downloadOnly = false }: CudaSetup,
  provider: PinnedWheel,
  nvidia: readonly PinnedWheel[],
  folder: string,
): Promise<Plan> {
  const given =
    from === undefined ? new Map<string, string>() : await librariesIn(callerPath(from), provider);
  const isProvided = hasProvider(bindingFolder()) || providerLibraries.every((name) => given.has(name));
  const needed = isProvided ? [] : await lackingIn(folder, [provider]);
  const isComplete = hasAllLibraries(given) || (!bundled && linkedFolders(folder).length > 0);
  const missing = isComplete ? [] : await lackingIn(folder, nvidia);
  const searchesMachine = missing.length > 0 && !bundled && !downloadOnly;
  const links = new Map([...(searchesMachine ? await librariesOfMachine() : []), ...given]);
  return { links, downloads: [...needed, ...(hasAllLibraries(links) ? [] : missing)] };
}

/** Those of `wheels` whose libraries `folder` lacks. */
async function lackingIn(folder: string, wheels: readonly PinnedWheel[]): Promise<PinnedWheel[]> {
  const lacking: PinnedWheel[] = [];
  for (const wheel of wheels) if (!(await hasLibraries(folder, wheel))) lacking.push(wheel);
  return lacking;
}

/** All libraries, and the largest wheel while it is unpacked. */
function diskMiBFor(wheels: readonly PinnedWheel[]): number {
  const unpacked = ({ libraries }: PinnedWheel) => libraries.reduce((sum, { bytes }) => sum + bytes, 0);
  const all = wheels.reduce((sum, wheel) => sum + unpacked(wheel), 0);
  const largest = Math.max(...wheels.map((wheel) => wheel.bytes + unpacked(wheel)));
  return Math.ceil((all + largest) / 2 ** 20);
}

async function download(wheel: PinnedWheel, folder: string, print: Print): Promise<void> {
  const size = `${Math.ceil(wheel.bytes / 2 ** 20)} MiB`;
  await stage(print, `Downloading ${wheel.name} ${wheel.version} (${size})`, () =>
    installLibraries(wheel, folder),
  );
}

/** From PyPI, otherwise from NuGet. Errors: `engine-unavailable` with the reasons of both, `interrupted`. */
async function installProvider(provider: PinnedWheel, folder: string, print: Print): Promise<void> {
  try {
    await download(provider, folder, print);
  } catch (error) {
    if (!(error instanceof TexturaError) || error.code !== 'engine-unavailable') throw error;
    print(error.message);
    await stage(print, `Downloading ${nugetPackage} from NuGet instead`, downloadFromNuget);
  }
}

/** onnxruntime-node's own installer, which install scripts being off (`.npmrc`) keeps from running. */
async function downloadFromNuget(): Promise<void> {
  const place = bindingFolder();
  // A dangling link would lead the download to another place.
  for (const name of providerLibraries) await rm(join(place, name), { force: true });
  const result = await runProgram(process.execPath, [join('script', 'install.js')], {
    doing: 'downloading',
    cwd: join(place, '..', '..', '..', '..'),
    // Not 'cuda12': the script ignores that value, and under npm exits with status 0 without a download.
    env: { ONNXRUNTIME_NODE_INSTALL: 'true' },
  });
  if (result.status === 0 && hasProvider(place)) {
    // In the same download.
    await rm(join(place, 'libonnxruntime_providers_tensorrt.so'), { force: true });
    return;
  }
  throw new TexturaError(
    'engine-unavailable',
    [
      `the installer of onnxruntime-node failed: ${causeIn(`${result.stdout}\n${result.stderr}`)}`,
      `If neither PyPI nor NuGet can be reached, download onnxruntime-gpu ${onnxruntimeVersion()} from PyPI elsewhere (a .whl is a zip file), copy`,
      ...providerLibraries.map((name) => `  onnxruntime/capi/${name}`),
      `into a folder here, and run ${commandText('setup:cuda', '--from', 'FOLDER')}. --device webgpu needs no download.`,
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
async function testCuda(folder: string): Promise<void> {
  const args = nodeArguments(new URL('./cuda-test.ts', import.meta.url));
  const result = await runProgram(process.execPath, args, { doing: 'testing CUDA', timeoutMs: 120_000 });
  if (result.status === 0) return;
  const linked = linkedFolders(folder);
  throw new TexturaError(
    'engine-unavailable',
    [
      `the libraries are installed, but onnxruntime cannot use CUDA: ${reasonIn(result.stderr) || result.signal}`,
      linked.length === 0
        ? 'It needs an NVIDIA driver for CUDA 13, 580 or newer (nvidia-smi shows it).'
        : `It used the libraries in ${linked.join(' and ')}; they must be CUDA 13 and cuDNN 9 for CUDA 13. ` +
          `${commandText('setup:cuda', '--bundled')} downloads them.`,
    ].join('\n'),
  );
}

/** The reason in onnxruntime's messages, which begin with source locations. */
function reasonIn(stderr: string): string {
  const reason = /CUDA failure [^;\n]*|Failed to load library [^\n]*/.exec(stderr)?.[0];
  return (reason ?? stderr).trim();
}

/** Whether the provider itself is in `place`, as NuGet's download leaves it, not links to it. */
function hasProvider(place: string): boolean {
  return providerLibraries.every((name) => lstatSync(join(place, name), { throwIfNoEntry: false })?.isFile());
}

/** Removes the libraries, and the provider or the links to it in node_modules. */
export async function removeCuda(print: Print): Promise<void> {
  const linked = providerLibraries.map((name) => join(bindingFolder(), name));
  for (const path of [...linked, cudaFolder()]) {
    // A link may lead nowhere.
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) continue;
    await rm(path, { recursive: true });
    print(`removed ${path}`);
  }
}
