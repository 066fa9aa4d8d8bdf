/** The report as one self-contained page: nothing is loaded from anywhere, so it can be mailed, archived and opened offline. */
import { headlineOf } from './headline.ts';
import { html, type Markup, ownMarkup } from './markup.ts';
import { moment } from './numerals.ts';
import { pageStyle } from './page-style.ts';
import type { RunRecord } from './run-directory.ts';
import { commandsSection, dataSection, settingsSection, stretchesSection } from './section-provenance.ts';
import { classesSection, courseSection, mistakesSection, resultEntry } from './section-results.ts';
import { filtersSection, networkSection, samplesSection } from './section-workings.ts';

/** report.html. */
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
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="${headlineOf(record).sentence}">
<title>${name} – Textura</title>
<style>${ownMarkup(pageStyle)}</style>
</head>
<body>
<main>
<header>
<div><h1>Textura, run <b>${name}</b></h1><p class="date">${moment(run.startedAt)}</p></div>
${resultEntry(record)}
</header>
${sections}
</main>
</body>
</html>
`.markup;
}
