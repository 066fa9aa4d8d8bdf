/**
 * Which runs of a study are exported: of each variant the seed of the lowest balanced error, as the best
 * epoch of a run is chosen.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TexturaError } from '../model/error.ts';
import { runFiles } from '../model/run-file.ts';
import { type StudyArm, studyFiles, studyRunName } from '../model/study-file.ts';
import { readRun } from '../node/run-record.ts';
import { readStudy } from '../node/study-record.ts';

/**
 * Run directories in the order of the study's variants; controls are left out, for they bear the reference's name. `note` gets a
 * sentence for each variant that has no finished run. Errors: `file-unreadable` or `file-damaged` of study.json.
 */
export async function bestRunsOfStudy(
  directory: string,
  note: (sentence: string) => void,
): Promise<readonly string[]> {
  const { arms, seeds } = await readStudy(directory);
  const best: string[] = [];
  for (const arm of arms.filter(({ controls }) => controls === undefined)) {
    const runs = await finishedRuns(directory, arm, seeds);
    const [first] = runs.toSorted((a, b) => a.error - b.error || a.seed - b.seed);
    if (first === undefined) note(`${directory}: no finished run of ${arm.name}`);
    else best.push(first.directory);
  }
  return best;
}

async function finishedRuns(directory: string, arm: StudyArm, seeds: readonly number[]) {
  const runs: { readonly directory: string; readonly seed: number; readonly error: number }[] = [];
  for (const seed of seeds) {
    const run = join(directory, studyFiles.runs, studyRunName(arm, seed));
    if (!existsSync(join(run, runFiles.run))) continue;
    const { status, best } = await readRun(run);
    if (status === 'finished' && best !== undefined)
      runs.push({ directory: run, seed, error: best.balancedTop1err ?? best.top1err });
  }
  return runs;
}

/** Directories of the controls of a study, which no one means who asks for a variant; none where there is no study.json. */
export async function controlRuns(directory: string): Promise<readonly string[]> {
  const study = await readStudy(directory).catch((error: unknown) => {
    if (error instanceof TexturaError && error.code === 'file-unreadable') return undefined;
    throw error;
  });
  if (study === undefined) return [];
  const controls = study.arms.filter((arm) => arm.controls !== undefined);
  return study.seeds.flatMap((seed) =>
    controls.map((arm) => join(directory, studyFiles.runs, studyRunName(arm, seed))),
  );
}
