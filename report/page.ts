/** report.html of a run. */
import { headlineOf } from './headline.ts';
import { html, type Markup } from './markup.ts';
import { pageShell } from './page-shell.ts';
import type { RunRecord } from './run-directory.ts';
import { commandsSection, dataSection, settingsSection, stretchesSection } from './section-provenance.ts';
import { classesSection, courseSection, mistakesSection, resultEntry } from './section-results.ts';
import { filtersSection, networkSection, samplesSection } from './section-workings.ts';

export function reportPage(record: RunRecord): string {
  const { name, run } = record;
  const sections: readonly Markup[] = [
    courseSection(record),
    classesSection(record),
    mistakesSection(record),
    filtersSection(record),
    samplesSection(record),
    networkSection(record),
    dataSection(record),
    settingsSection(record),
    stretchesSection(record),
    commandsSection(record),
  ];
  return pageShell({
    heading: html`Textura, run <b>${name}</b>`,
    title: name,
    description: headlineOf(record).sentence,
    startedAt: run.startedAt,
    result: resultEntry(record),
    sections,
  });
}
