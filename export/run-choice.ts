/** Which runs `npm run export` exports if `--run` does not name one. */
import { type Dirent, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { compareCodePoints } from '../model/code-point-order.ts';
import { TexturaError } from '../model/error.ts';
import { type NetworkName, trainedNames } from '../model/network.ts';
import { runFiles } from '../model/run-file.ts';
import { type StudyArm, studyFiles, studyRunName } from '../model/study-file.ts';
import { readRun, readStudy } from '../node/records.ts';

/**
 * The newest finished run of each network, in the order of the networks. `roots` are folders of run
 * directories and need not exist. Runs of a study's other arms (`isOtherArm`) are left out. `note` gets a
 * sentence for each directory that is skipped because it cannot be read, or its study.json.
 */
export async function newestFinishedRuns(
  roots: readonly string[],
  note: (sentence: string) => void,
): Promise<readonly string[]> {
  const newest = new Map<NetworkName, { readonly directory: string; readonly endedAt: string }>();
  const directories: string[] = [];
  for (const root of roots) {
    const others = await unlessUnreadable(root, () => otherArmRuns(dirname(root)), note);
    if (others === undefined) continue;
    directories.push(...(await runDirectoriesIn(root)).filter((path) => !others.includes(path)));
  }
  for (const directory of directories) {
    const run = await unlessUnreadable(directory, () => readRun(directory), note);
    if (run?.status !== 'finished') continue;
    const endedAt = run.endedAt ?? run.startedAt;
    const known = newest.get(run.config.variant);
    if (known === undefined || endedAt > known.endedAt)
      newest.set(run.config.variant, { directory, endedAt });
  }
  return trainedNames.flatMap((variant) => newest.get(variant)?.directory ?? []);
}

/** The result of `read`; undefined if it fails, which is noted. */
async function unlessUnreadable<T>(
  directory: string,
  read: () => Promise<T>,
  note: (sentence: string) => void,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof TexturaError)) throw error;
    note(`skipped ${directory}: ${error.message}`);
    return undefined;
  }
}

/** The folders of run directories: `runs`, and `runs` in each study. */
export async function runRoots(runs: string, studies: string): Promise<readonly string[]> {
  const names = (await foldersIn(studies)).map(({ name }) => join(studies, name, 'runs'));
  return [runs, ...names];
}

async function runDirectoriesIn(root: string): Promise<readonly string[]> {
  const folders = (await foldersIn(root)).map(({ name }) => join(root, name));
  return folders.filter((folder) => existsSync(join(folder, runFiles.run)));
}

async function foldersIn(path: string): Promise<readonly Dirent[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new TexturaError('file-unreadable', `${path}: cannot be listed: ${error.message}`, {
      cause: error,
    });
  });
  return entries.filter((entry) => entry.isDirectory()).sort((a, b) => compareCodePoints(a.name, b.name));
}

/**
 * Whether an arm is a network at another width or with other settings: a control, or one without augmentation.
 * Exported, it would replace the file of the network whose name it has.
 */
function isOtherArm({ name, variant }: StudyArm): boolean {
  return name !== variant;
}

/**
 * For each network of a study, the finished run with the lowest balanced error over the seeds, without other
 * arms (`isOtherArm`). `note` gets a sentence for each network without a finished run, and for each run that
 * cannot be read.
 * Errors: `file-unreadable` or `file-damaged` for study.json.
 */
export async function bestRunsOfStudy(
  directory: string,
  note: (sentence: string) => void,
): Promise<readonly string[]> {
  const { arms, seeds } = await readStudy(directory);
  const best: string[] = [];
  for (const arm of arms.filter((one) => !isOtherArm(one))) {
    const runs = await finishedRuns(directory, arm, seeds, note);
    const [first] = runs.toSorted((a, b) => a.error - b.error || a.seed - b.seed);
    if (first === undefined) note(`${directory}: no finished run of ${arm.name}`);
    else best.push(first.directory);
  }
  return best;
}

async function finishedRuns(
  directory: string,
  arm: StudyArm,
  seeds: readonly number[],
  note: (sentence: string) => void,
) {
  const runs: { readonly directory: string; readonly seed: number; readonly error: number }[] = [];
  for (const seed of seeds) {
    const run = join(directory, studyFiles.runs, studyRunName(arm, seed));
    if (!existsSync(join(run, runFiles.run))) continue;
    const { status, best } = (await unlessUnreadable(run, () => readRun(run), note)) ?? {};
    if (status === 'finished' && best !== undefined)
      runs.push({ directory: run, seed, error: best.balancedTop1err ?? best.top1err });
  }
  return runs;
}

/** The directories of the runs of a study's other arms; none without study.json. */
async function otherArmRuns(directory: string): Promise<readonly string[]> {
  const study = await readStudy(directory).catch((error: unknown) => {
    if (error instanceof TexturaError && error.code === 'file-unreadable') return undefined;
    throw error;
  });
  if (study === undefined) return [];
  return study.arms
    .filter(isOtherArm)
    .flatMap((arm) => study.seeds.map((seed) => join(directory, studyFiles.runs, studyRunName(arm, seed))));
}
