/** What a study leaves for people and for other programs. */
import { join } from 'node:path';
import { csvText } from '../../../model/csv.ts';
import { studyFiles } from '../../../model/study-file.ts';
import { writeFileAtomically } from '../../../node/atomic-file.ts';
import { readStudy } from '../../../node/study-record.ts';
import { studyRunState, studyRuns } from '../study-directory.ts';

/** Writes summary.csv of a study: a row for each run with its state and its best validation error. */
export async function writeStudyReport(directory: string): Promise<void> {
  const study = await readStudy(directory);
  const rows = await Promise.all(
    studyRuns(directory, study).map(async (run) => {
      const state = await studyRunState(study, run);
      const best = 'run' in state ? state.run.best : undefined;
      return [run.arm.name, String(run.seed), state.status, String(best?.top1err ?? '')];
    }),
  );
  const header = ['network', 'seed', 'status', 'top1err'];
  await writeFileAtomically(join(directory, studyFiles.summary), csvText([header, ...rows]));
}
