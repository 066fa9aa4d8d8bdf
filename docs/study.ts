/**
 * Makes docs/study.md and its figures from a study: `npm run docs:study -- --study studies/NAME`. `--name`
 * writes a study of another recipe to other files.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markdownTable } from 'markdown-table';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { runCommand } from '../node/command-line.ts';
import { errorMeasures } from '../report/curve-panel.ts';
import { arranged, type Drawing, svgFile } from '../report/drawing.ts';
import { html, nothing } from '../report/markup.ts';
import { lightPalette } from '../report/palette.ts';
import { studiedNetworkOf } from '../study/families.ts';
import { forestFigure } from '../study/report/forest-figure.ts';
import { networkCurves } from '../study/report/network-curves.ts';
import { readStudyResults, type StudyResults } from '../study/report/results.ts';
import {
  ablations,
  forestExplanation,
  studySentence,
  verdictTable,
} from '../study/report/section-findings.ts';
import { oneSeedCaveat, paperWords } from '../study/report/sentences.ts';
import { sentenceList, summaryTable } from '../study/report/summary.ts';

const options = z.strictObject({
  study: z.string().min(1).describe('study directory, e.g. studies/ablation'),
  name: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .default('study')
    .describe('prefix of the file names in docs/'),
});

const docs = fileURLToPath(new URL('.', import.meta.url));

async function writeStudyDocs({ study, name }: z.infer<typeof options>): Promise<void> {
  const results = await readStudyResults(study);
  const { labels } = results;
  if (labels === undefined) {
    throw new TexturaError('data-unusable', `${study}: expected a study with a finished run, got none`);
  }
  await writeFileAtomically(join(docs, `${name}-forest.svg`), forestFile(results));
  await writeFileAtomically(join(docs, `${name}-curves.svg`), studyCurves(results, labels.length));
  await writeFileAtomically(join(docs, `${name}.md`), studyMarkdown(results, name, labels.length));
}

function forestFile(results: StudyResults): string {
  const heading = 'Difference in top-1 error from the reference, with 95 % intervals; rings are seeds';
  return svgFile(forestFigure(ablations(results), results.study.marginPoints, lightPalette, 'wide'), heading);
}

/** A row of three panels for each network, with its name and the paper's finding as caption. */
function studyCurves({ arms }: StudyResults, classes: number): string {
  const [reference] = arms;
  const rows = arms.flatMap((arm) => {
    const panels = reference === undefined ? [] : networkCurves(arm, reference, classes, lightPalette);
    if (panels.length === 0) return [];
    const drawings = panels.map(({ drawing }) => drawing);
    return [captioned(arranged(drawings, errorMeasures.length), arm.arm.name, paperWords(arm.arm))];
  });
  return svgFile(arranged(rows, 1), 'Validation against the epoch: mean over the seeds, and their range');
}

function captioned({ width, height, body }: Drawing, name: string, paperSaw: string): Drawing {
  const captionPx = 34;
  const { ink, muted } = lightPalette;
  const quoted =
    paperSaw === ''
      ? nothing
      : html`<tspan dx="14" fill="${muted}" font-style="italic">the paper: ${paperSaw}</tspan>`;
  const caption = html`<text x="0" y="18" text-anchor="start" font-size="14" fill="${ink}">${name}${quoted}</text>`;
  return {
    width,
    height: height + captionPx,
    body: `${caption.markup}<g transform="translate(0,${captionPx})">${body}</g>`,
  };
}

function studyMarkdown(results: StudyResults, name: string, classes: number): string {
  const { study } = results;
  const { epochs, patchesPerEpoch, batch, data } = study.config;
  const trained = `Recipe \`${study.recipe}\`, ${epochs} epochs of ${patchesPerEpoch} patches in batches of ${batch}, ${classes} classes, seeds ${study.seeds.join(', ')}${data === 'generated' ? ', generated textures' : ''}.`;
  const verdicts = verdictTable(results);
  const title =
    studiedNetworkOf(study.arms) === 'reference'
      ? 'Which layers matter'
      : 'Which parts of texture-net matter';
  return `# ${title}

${studySentence(results)} ${trained}${study.seeds.length === 1 ? `\n\n**${oneSeedCaveat}**` : ''}

![Differences from the reference](${name}-forest.svg)

${forestExplanation}

## ${verdicts.title}

${markdownTable([verdicts.headings, ...verdicts.rows])}

${verdicts.meanings.map(([verdict, meaning]) => `- **${verdict}**: ${meaning}`).join('\n')}

## Summary

${sentenceList(results)}

## Statistics

${summaryTable(results, 'unlinked')}
## Curves

![Curves of each network and of the reference](${name}-curves.svg)

\`npm run docs:study -- --study studies/NAME\` makes this page from a finished study of \`npm run ablate\`.
`;
}

await runCommand(
  {
    name: 'docs:study',
    summary: 'Makes the figures and tables of docs/ from a finished study.',
    options,
    run: writeStudyDocs,
  },
  process.argv.slice(2),
);
