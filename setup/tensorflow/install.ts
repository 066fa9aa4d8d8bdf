/**
 * Makes @tensorflow/tfjs-node-gpu work with the current TensorFlow. The package's own installer downloads one
 * of 2022. The C API that the package uses has not changed since, so its binding is built against the
 * libraries of TensorFlow's Python wheel.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { TexturaError } from '../../model/error.ts';
import { nvidiaGpus } from '../../node/machine.ts';
import { isInstalled, requirePackages, tensorflowPackages } from '../../node/optional-packages.ts';
import { runProgram } from '../../node/program.ts';
import { commandText } from '../../node/shell.ts';
import {
  cachedBindingPath,
  type Flavour,
  flavours,
  installedBindingPath,
  tensorflowVersion,
  tfjsPackageFolder,
  wheelFolder,
} from '../../training/engine/tensorflow/location.ts';
import { probeBinding } from '../../training/engine/tensorflow/probe.ts';
import { tensorflowLacks, throwIfLacking } from '../prerequisites.ts';
import { lastLines, type Print, stage } from '../stage.ts';
import { buildBinding, isLinked, linkBinding, nodeHeadersPrefix } from './binding.ts';
import { installWheel, linkSolver, wheelFor } from './wheel.ts';

/**
 * Installs TensorFlow if it is not installed. Errors: `engine-unavailable` with what is missing or failed.
 */
export async function setUpTensorflow(wanted: Flavour | undefined, print: Print): Promise<void> {
  const [bindings, compiler] = tensorflowPackages;
  // Both are named at once, although a binding from the cache needs no compiler.
  if (!isInstalled(bindings)) requirePackages(tensorflowPackages, "TensorFlow's setup");
  const flavour = wanted ?? (await fittingFlavour(print));
  const wheel = wheelFor(flavour, process.platform, process.arch);
  if (wheel === undefined) return setUpByPackage(flavour, wanted, print);
  const folder = wheelFolder(flavour);
  const binding = cachedBindingPath(flavour);
  const place = installedBindingPath();
  // Earlier versions left it out.
  await linkSolver(folder);
  if (await isLinked(binding, place)) {
    print(`TensorFlow ${tensorflowVersion} (${flavour}) is already set up: ${binding}`);
    return;
  }
  const download = !existsSync(folder);
  const build = !(await loads(binding));
  const needs = { download, build, folder, diskMiB: wheel.diskMiB };
  throwIfLacking('TensorFlow', await tensorflowLacks(needs));
  if (build) requirePackages([compiler], "TensorFlow's setup");
  if (download) {
    await stage(
      print,
      `Downloading TensorFlow ${tensorflowVersion} (${flavour}, ${wheel.downloadMiB} MiB)`,
      () => installWheel(wheel, folder),
    );
  }
  if (build) await stage(print, buildingText(), () => buildInto(folder, binding));
  await linkBinding(binding, place);
  await printResult(flavour, print);
}

async function buildInto(folder: string, binding: string): Promise<void> {
  await buildBinding(folder, binding);
  await probeBinding(binding);
}

/** Errors: `interrupted`. */
async function loads(binding: string): Promise<boolean> {
  if (!existsSync(binding)) return false;
  try {
    await probeBinding(binding);
    return true;
  } catch (error) {
    if (error instanceof TexturaError && error.code === 'interrupted') throw error;
    return false;
  }
}

function buildingText(): string {
  const headers = nodeHeadersPrefix();
  const origin = headers === undefined ? 'headers downloaded from nodejs.org' : `headers in ${headers}`;
  return `Building the binding for Node.js (${origin})`;
}

async function printResult(flavour: Flavour, print: Print): Promise<void> {
  const facts = await probeBinding(installedBindingPath());
  print(`TensorFlow ${facts.tensorflow} is ready, computing on the ${facts.gpu ? 'GPU' : 'processor'}.`);
  print(`  libraries  ${wheelFolder(flavour)}`);
  print(`  link       ${installedBindingPath()} -> ${cachedBindingPath(flavour)}`);
  print(`  undo       ${commandText('setup:tensorflow', '--remove')}`);
  if (flavour === 'cuda' && !facts.gpu) {
    print('  TensorFlow sees no GPU: check with nvidia-smi that the driver runs; it must be 525 or newer.');
  }
}

/** cuda if nvidia-smi finds a GPU and there is a wheel for it, otherwise cpu. */
async function fittingFlavour(print: Print): Promise<Flavour> {
  if ((await nvidiaGpus()).length === 0) return 'cpu';
  if (process.platform === 'linux' && wheelFor('cuda', process.platform, process.arch) === undefined) {
    print(
      `TensorFlow publishes no CUDA build for ${process.platform} ${process.arch}: installing the CPU build.`,
    );
    return 'cpu';
  }
  return 'cuda';
}

async function setUpByPackage(flavour: Flavour, wanted: Flavour | undefined, print: Print): Promise<void> {
  if (process.platform === 'linux') {
    throw new TexturaError(
      'engine-unavailable',
      `TensorFlow publishes no ${wanted ?? flavour} wheel for ${process.platform} ${process.arch}`,
    );
  }
  if (existsSync(installedBindingPath())) {
    print(`TensorFlow is already set up: ${installedBindingPath()}`);
    return;
  }
  print(
    `There is no wheel with TensorFlow's C library for ${process.platform}, so the npm package's own installer runs,`,
  );
  print('which downloads a TensorFlow of 2022.');
  await stage(print, 'Running the installer of @tensorflow/tfjs-node-gpu', () =>
    runPackageInstaller(flavour),
  );
  await probeBinding(installedBindingPath());
  print(`TensorFlow is ready in ${tfjsPackageFolder()}`);
  print(`  undo       ${commandText('setup:tensorflow', '--remove')}`);
}

/** The npm package's own installer: downloads a TensorFlow of 2022 and its binding. */
async function runPackageInstaller(flavour: Flavour): Promise<void> {
  const folder = tfjsPackageFolder();
  const programs = join(dirname(dirname(folder)), '.bin');
  const library = flavour === 'cuda' ? 'gpu' : 'cpu';
  const args = [join('scripts', 'install.js'), library, 'download'];
  const env = { PATH: `${programs}${delimiter}${process.env.PATH ?? ''}` };
  const result = await runProgram(process.execPath, args, { cwd: folder, env, doing: 'downloading' });
  if (result.status === 0) return;
  throw new TexturaError(
    'engine-unavailable',
    `the installer of @tensorflow/tfjs-node-gpu failed:\n${lastLines(result)}`,
  );
}

/** Removes every flavour from the cache, and the files or links in the package. */
export async function removeTensorflow(print: Print): Promise<void> {
  requirePackages(tensorflowPackages.slice(0, 1), 'Removing TensorFlow');
  for (const folder of ['lib', 'deps'])
    await rm(join(tfjsPackageFolder(), folder), { recursive: true, force: true });
  print(`removed ${dirname(dirname(installedBindingPath()))}`);
  for (const folder of flavours.map((flavour) => wheelFolder(flavour)).filter((path) => existsSync(path))) {
    await rm(folder, { recursive: true, force: true });
    print(`removed ${folder} (other clones that used it need a new setup)`);
  }
}
