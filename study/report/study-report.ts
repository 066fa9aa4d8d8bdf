/** What a study leaves for people and for other programs: report.html, summary.csv and summary.md. */
import { join } from 'node:path';
import { studyFiles } from '../../model/study-file.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { commandPath } from '../../report/run-directory.ts';
import { studyPage } from './study-page.ts';
import { readStudyResults } from './study-results.ts';
import { summaryCsv, summaryMarkdown } from './summary.ts';

/**
 * Writes the report of a study from its files, finished or not. Errors: `file-unreadable` where there is no study; `file-damaged`;
 * `data-unusable` where runs of one seed were validated on different photographs.
 */
export async function writeStudyReport(directory: string): Promise<void> {
  const results = await readStudyResults(directory);
  await writeFileAtomically(join(directory, studyFiles.summary), summaryCsv(results));
  await writeFileAtomically(join(directory, studyFiles.table), summaryMarkdown(results));
  await writeFileAtomically(
    join(directory, studyFiles.report),
    await studyPage(results, commandPath(directory)),
  );
}
