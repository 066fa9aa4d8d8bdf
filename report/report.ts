/**
 * Writes the figures and the report of a run. Everything in them comes from the files of the run directory.
 */
import { join } from 'node:path';
import { runFiles } from '../model/run-file.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { confusionFile } from './confusion-figure.ts';
import { curvesFile } from './curves.ts';
import { filtersFile } from './filters-figure.ts';
import { html, type Markup } from './markup.ts';
import { pageShell } from './page.ts';
import { type RunRecord, readRunDirectory } from './run-directory.ts';
import { summaryOf } from './run-summary.ts';
import { calibrationSection } from './section-calibration.ts';
import { filtersSection, networkSection, samplesSection } from './section-internals.ts';
import { commandsSection, dataSection, engineSection, settingsSection } from './section-metadata.ts';
import { classesSection, confusionSection, curvesSection, resultEntry } from './section-results.ts';

/**
 * Writes curves.svg, confusion.svg, filters.svg and report.html into a run directory; a figure is left out if
 * its data is missing (no epoch finished, no validation, no model). Errors: `file-unreadable`,
 * `file-damaged`.
 */
export async function writeReport(directory: string): Promise<void> {
  const record = await readRunDirectory(directory);
  for (const [name, text] of reportTexts(record)) await writeFileAtomically(join(directory, name), text);
}

function reportTexts(record: RunRecord): ReadonlyMap<string, string> {
  const { run, metrics, confusion, firstKernel } = record;
  const texts = new Map<string, string>();
  const subject = `${record.name}: ${run.config.variant}, ${run.labels.length} classes`;
  if (metrics.length > 0) texts.set('curves.svg', curvesFile({ ...run, metrics }, subject));
  if (confusion !== undefined) texts.set('confusion.svg', confusionFile(confusion, subject));
  if (firstKernel !== undefined) texts.set('filters.svg', filtersFile(firstKernel, `${subject}, conv1`));
  texts.set(runFiles.report, reportPage(record));
  return texts;
}

function reportPage(record: RunRecord): string {
  const { name, run } = record;
  const sections: readonly Markup[] = [
    curvesSection(record),
    classesSection(record),
    confusionSection(record),
    calibrationSection(record),
    filtersSection(record),
    samplesSection(record),
    networkSection(record),
    dataSection(record),
    settingsSection(record),
    engineSection(record),
    commandsSection(record),
  ];
  return pageShell({
    heading: html`Textura, run <b>${name}</b>`,
    title: name,
    description: summaryOf(record).sentence,
    startedAt: run.startedAt,
    result: resultEntry(record),
    sections,
  });
}
