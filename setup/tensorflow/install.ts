/**
 * Makes @tensorflow/tfjs-node-gpu work with today's TensorFlow. The package's own installer fetches
 * one of 2022; the C API that the package uses has not changed since, so the libraries of TensorFlow's Python wheel serve it,
 * once the package's binding is built against them.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TexturaError } from '../../model/error.ts';
import { nvidiaGpus } from '../../node/machine.ts';
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
import { type Print, stage } from '../stage.ts';
import { buildBinding, isLinked, linkBinding, nodeHeadersPrefix } from './binding.ts';
import { removeFromPackage, runPackageInstaller } from './package-installer.ts';
import { checkPrerequisites } from './prerequisites.ts';
import { installWheel, wheelFor } from './wheel.ts';

/** Sets TensorFlow up unless it is. Errors: `engine-unavailable` with what is missing or failed. */
export async function setUpTensorflow(wanted: Flavour | undefined, print: Print): Promise<void> {
  const flavour = wanted ?? (await fittingFlavour(print));
  const wheel = wheelFor(flavour, process.platform, process.arch);
  if (wheel === undefined) return setUpByPackage(flavour, wanted, print);
  const folder = wheelFolder(flavour);
  const binding = cachedBindingPath(flavour);
  const place = installedBindingPath();
  if (await isLinked(binding, place)) {
    print(`TensorFlow ${tensorflowVersion} (${flavour}) is already set up: ${binding}`);
    return;
  }
  const download = !existsSync(folder);
  const build = !(await loads(binding));
  await checkPrerequisites({ download, build, folder, diskMiB: wheel.diskMiB });
  if (download) {
    await stage(
      print,
      `Downloading TensorFlow ${tensorflowVersion} (${flavour}, ${wheel.downloadMiB} MiB)`,
      () => installWheel(wheel, folder),
    );
  }
  if (build) await stage(print, buildingText(), () => buildInto(folder, binding));
  await linkBinding(binding, place);
  await tellOutcome(flavour, print);
}

async function buildInto(folder: string, binding: string): Promise<void> {
  await buildBinding(folder, binding);
  await probeBinding(binding);
}

async function loads(binding: string): Promise<boolean> {
  if (!existsSync(binding)) return false;
  return probeBinding(binding).then(
    () => true,
    () => false,
  );
}

function buildingText(): string {
  const headers = nodeHeadersPrefix();
  const origin = headers === undefined ? 'headers downloaded from nodejs.org' : `headers in ${headers}`;
  return `Building the binding for Node.js (${origin})`;
}

async function tellOutcome(flavour: Flavour, print: Print): Promise<void> {
  const facts = await probeBinding(installedBindingPath());
  print(`TensorFlow ${facts.tensorflow} is ready, computing on the ${facts.gpu ? 'GPU' : 'processor'}.`);
  print(`  libraries  ${wheelFolder(flavour)}`);
  print(`  link       ${installedBindingPath()} -> ${cachedBindingPath(flavour)}`);
  print('  undo       npm run setup:tensorflow -- --remove');
  if (flavour === 'cuda' && !facts.gpu) {
    print('  TensorFlow sees no GPU: nvidia-smi shows whether the driver runs, 525 or newer is needed.');
  }
}

/** cuda where nvidia-smi finds a GPU and there is a wheel for it, else cpu. */
async function fittingFlavour(print: Print): Promise<Flavour> {
  if ((await nvidiaGpus()).length === 0) return 'cpu';
  if (process.platform === 'linux' && wheelFor('cuda', process.platform, process.arch) === undefined) {
    print(
      `TensorFlow publishes no CUDA build for ${process.platform} ${process.arch}: setting up the cpu one.`,
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
    `There is no wheel with TensorFlow's C library for ${process.platform}: using the npm package's own installer,`,
  );
  print('which downloads a TensorFlow of 2022.');
  await stage(print, 'Running the installer of @tensorflow/tfjs-node-gpu', () =>
    runPackageInstaller(flavour),
  );
  await probeBinding(installedBindingPath());
  print(`TensorFlow is ready in ${tfjsPackageFolder()}`);
  print('  undo       npm run setup:tensorflow -- --remove');
}

/** Removes every flavour from the cache and what links to it from the package. */
export async function removeTensorflow(print: Print): Promise<void> {
  await removeFromPackage();
  print(`removed ${dirname(dirname(installedBindingPath()))}`);
  for (const folder of flavours.map((flavour) => wheelFolder(flavour)).filter((path) => existsSync(path))) {
    await rm(folder, { recursive: true, force: true });
    print(`removed ${folder} (other clones that use it need a setup of their own)`);
  }
}
