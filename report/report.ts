/** Makes what a person looks at after training: the run directory's figures and its report. Everything comes from its files. */
import { join } from 'node:path';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { confusionFile } from './confusion-figure.ts';
import { curvesFile } from './curves.ts';
import { filtersFile } from './filters-figure.ts';
import { reportPage } from './page.ts';
import { reportFiles } from './report-files.ts';
import { type RunRecord, readRunDirectory } from './run-directory.ts';

/**
 * Writes curves.svg, confusion.svg, filters.svg and report.html into a run directory; a figure is left out where its file is not
 * there (no epoch finished, nothing evaluated, no model kept). Errors: `file-unreadable`, `file-damaged`.
 */
export async function writeReport(directory: string): Promise<void> {
  const record = await readRunDirectory(directory);
  for (const [name, text] of reportTexts(record)) await writeFileAtomically(join(directory, name), text);
}

function reportTexts(record: RunRecord): ReadonlyMap<string, string> {
  const { run, metrics, confusion, firstKernel } = record;
  const texts = new Map<string, string>();
  const subject = `${record.name}: ${run.config.variant}, ${run.labels.length} classes`;
  if (metrics.length > 0) texts.set(reportFiles.curves, curvesFile({ ...run, metrics }, subject));
  if (confusion !== undefined) texts.set(reportFiles.confusion, confusionFile(confusion, subject));
  if (firstKernel !== undefined)
    texts.set(reportFiles.filters, filtersFile(firstKernel, `${subject}, conv1`));
  texts.set(reportFiles.page, reportPage(record));
  return texts;
}
