/** Writes the results of a study: report.html, in the style of a run's report, summary.csv and summary.md. */
import { join } from 'node:path';
import { studyFiles } from '../../model/study-file.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { html, type Markup } from '../../report/markup.ts';
import { pageShell } from '../../report/page.ts';
import { commandPath } from '../../report/run-directory.ts';
import { readStudyResults, type StudyResults } from './results.ts';
import { classesSection, costSection, curvesSection, filtersSection } from './section-curves.ts';
import {
  controlsSection,
  resultEntry,
  statisticsSection,
  studySentence,
  summarySection,
  verdictSection,
} from './section-findings.ts';
import { methodSection, nextSection, ratesSection, runsSection, settingsSection } from './section-runs.ts';
import { summaryCsv, summaryMarkdown } from './summary.ts';

/**
 * Writes the report of a study, finished or not, from its files. Errors: `file-unreadable` if there is no
 * study; `file-damaged` if its study.json is; `data-unusable` if runs of one seed were validated on different
 * photographs.
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

const studyStyle = `
a{color:inherit;text-decoration-color:var(--validation);text-underline-offset:.15em}
svg a{text-decoration:none}
.runs{white-space:nowrap;color:var(--muted);font-size:.88em}
.narrow{display:none}
.quote{font-style:italic;color:var(--muted)}
.entry .panels{max-width:1080px}
.strips{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,290px),1fr));gap:0 28px}
.strip{image-rendering:pixelated;width:295px}
@media (max-width:899px){.wide{display:none}.narrow{display:block}}
`;

/** `path` is the study's directory for use in commands. */
async function studyPage(results: StudyResults, path: string): Promise<string> {
  const sections: readonly Markup[] = [
    verdictSection(results),
    summarySection(results),
    statisticsSection(results),
    controlsSection(results),
    curvesSection(results),
    costSection(results),
    classesSection(results),
    await filtersSection(results),
    ratesSection(results),
    runsSection(results),
    settingsSection(results),
    methodSection(results),
    nextSection(results, path),
  ];
  return pageShell({
    heading: html`Textura, study <b>${results.name}</b>`,
    title: results.name,
    description: studySentence(results),
    startedAt: results.study.startedAt,
    result: resultEntry(results),
    sections,
    style: studyStyle,
  });
}
