/** report.html of a study: one self-contained page in the look of a run's report. */
import { html, type Markup } from '../../report/markup.ts';
import { pageShell } from '../../report/page-shell.ts';
import { classesSection, costSection, curvesSection, filtersSection } from './section-courses.ts';
import {
  numbersSection,
  resultEntry,
  sentencesSection,
  studySentence,
  verdictSection,
} from './section-findings.ts';
import { methodSection, nextSection, runsSection, settingsSection } from './section-runs.ts';
import type { StudyResults } from './study-results.ts';

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

/** `path` is the study's directory as a command would name it. */
export async function studyPage(results: StudyResults, path: string): Promise<string> {
  const sections: readonly Markup[] = [
    verdictSection(results),
    sentencesSection(results),
    numbersSection(results),
    curvesSection(results),
    costSection(results),
    classesSection(results),
    await filtersSection(results),
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
