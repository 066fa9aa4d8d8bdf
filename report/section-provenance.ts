/** The report's last part: on what, with what and how the run was made, and the commands that repeat it and use it. */
import type { DataSummary } from '../model/run-file.ts';
import { type TrainingConfig, trainingConfigSchema } from '../model/training-config.ts';
import { classifyCommand, exportCommand, resumeCommand, trainCommand } from './commands.ts';
import { html, type Markup, nothing } from './markup.ts';
import { count, moment } from './numerals.ts';
import { command, section, type TableRow, table } from './page-parts.ts';
import type { RunRecord } from './run-directory.ts';
import { settingsTable } from './settings-table.ts';

export function dataSection({ run }: RunRecord): Markup {
  const { source, fingerprint, trainImages, validationImages, skippedFiles } = run.data;
  const rows: readonly TableRow[] = [
    { cells: ['source', source] },
    { cells: ['classes', count(run.labels.length)] },
    { cells: ['images to train on', count(trainImages)] },
    { cells: ['images to validate on', count(validationImages)] },
    { cells: ['files skipped', count(skippedFiles)] },
    { cells: ['fingerprint', html`<code>${fingerprint}</code>`] },
  ];
  const columns = [
    { heading: '', kind: 'text' },
    { heading: '', kind: 'name' },
  ] as const;
  return section(
    'The data',
    'Images are held out whole: no patch of a validation image was trained on. Equal fingerprints mean equal data.',
    html`${table('The data', columns, rows)}${notesOf(run.data)}${skippedOf(run.data)}`,
  );
}

const notesShown = 10;

function notesOf({ notes = [] }: DataSummary): Markup {
  const paragraphs = notes.map((note) => html`<p class="after">${note}</p>\n`);
  if (notes.length <= notesShown) return html`${paragraphs}`;
  return html`${paragraphs.slice(0, notesShown)}<details><summary>The other ${count(notes.length - notesShown)} notes</summary>
${paragraphs.slice(notesShown)}</details>`;
}

function skippedOf({ skipped = [] }: DataSummary): Markup {
  if (skipped.length === 0) return nothing;
  const columns = [
    { heading: 'file', kind: 'name' },
    { heading: 'why', kind: 'prose' },
  ] as const;
  const rows = skipped.map(({ name, why }): TableRow => ({ cells: [name, why] }));
  return html`<details><summary>The files that were skipped, and why</summary>
${table('Skipped files', columns, rows)}</details>`;
}

export function settingsSection({ run }: RunRecord): Markup {
  const keys = Object.keys(trainingConfigSchema.shape) as (keyof TrainingConfig)[];
  return section(
    'The settings',
    'Those that are not the default are tinted.',
    settingsTable(run.config, keys),
  );
}

export function stretchesSection({ run }: RunRecord): Markup {
  const rows = run.stretches.map((stretch): TableRow => {
    const versions = Object.entries(stretch.versions).map(([name, version]) => `${name} ${version}`);
    const { startedAt, fromEpoch, engine, device, why } = stretch;
    return {
      cells: [moment(startedAt), String(fromEpoch), `${engine} on ${device}`, why, versions.join(', ')],
    };
  });
  const columns = [
    { heading: 'started', kind: 'text' },
    { heading: 'after epoch', kind: 'number' },
    { heading: 'engine', kind: 'text' },
    { heading: 'why', kind: 'prose' },
    { heading: 'versions', kind: 'prose' },
  ] as const;
  const ended =
    run.endedAt === undefined ? nothing : html`<p class="after">Ended ${moment(run.endedAt)}.</p>`;
  return section(
    'The machine',
    `Textura ${run.textura}. A resumed run has a line for each start.`,
    html`${table('Starts of the run', columns, rows)}${ended}`,
  );
}

export function commandsSection({ run, name, path, firstKernel }: RunRecord): Markup {
  const resumable = ['stopped', 'running', 'failed'].includes(run.status);
  const entry = html`${
    resumable ? html`<p>To resume it:</p>${command(resumeCommand(run, path))}` : nothing
  }<p>To train the same again:</p>
${command(trainCommand(run, `runs/${name}-again`))}${
  firstKernel === undefined
    ? nothing
    : html`<p>To write the kept model as ONNX files, proved to compute the same, and to name a photograph with them:</p>
${command(exportCommand(path))}${command(classifyCommand(run))}`
}`;
  return section('What next', '', entry);
}
