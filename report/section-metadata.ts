/**
 * The report's sections about how the run was made: data, settings, engine, and the commands that repeat,
 * resume and use it.
 */
import { moment } from '../model/format.ts';
import { type DataSummary, isUnfinished, type Run } from '../model/run-file.ts';
import { type TrainingConfig, trainingConfigSchema } from '../model/training-config.ts';
import { counted } from '../model/words.ts';
import { flagOf } from '../node/command-line.ts';
import { commandText } from '../node/shell.ts';
import { html, type Markup, nothing } from './markup.ts';
import {
  command,
  folded,
  propertyTable,
  section,
  settingsTable,
  skippedTable,
  type TableRow,
  table,
} from './page.ts';
import type { RunRecord } from './run-directory.ts';

export function dataSection({ run }: Pick<RunRecord, 'run'>): Markup {
  const { source, fingerprint, trainImages, validationImages, choosingImages, groups, skippedFiles } =
    run.data;
  const properties = propertyTable('Data', [
    ['source', source],
    ['classes', run.labels.length],
    ['training images', trainImages],
    ['validation images', validationImages],
    ['of them only to choose the epoch, as the curves show', choosingImages],
    ['groups', groups],
    ['skipped files', skippedFiles],
    ['fingerprint', html`<code>${fingerprint}</code>`],
  ]);
  return section(
    'Data',
    'No patch of a validation image is used for training. Equal fingerprints mean equal data.',
    html`${properties}${notesOf(run.data)}${skippedTable(run.data.skipped ?? [])}`,
  );
}

const notesShown = 10;

function notesOf({ notes = [] }: DataSummary): Markup {
  const paragraphs = notes.map((note) => html`<p class="after">${note}</p>\n`);
  if (notes.length <= notesShown) return html`${paragraphs}`;
  const more = counted(notes.length - notesShown, 'more note', 'more notes');
  return html`${paragraphs.slice(0, notesShown)}${folded(more, html`${paragraphs.slice(notesShown)}`)}`;
}

export function settingsSection({ run }: RunRecord): Markup {
  const network = { variant: run.config.variant, isFineTuned: run.init !== undefined };
  const keys = Object.keys(trainingConfigSchema.shape) as (keyof TrainingConfig)[];
  return section(
    'Settings',
    'Settings that differ from the default recipe are tinted.',
    html`${settingsTable(run.config, keys, network)}${startOf(run)}`,
  );
}

function startOf({ init, labels }: Run): Markup {
  if (init === undefined) return nothing;
  const kept = init.keptClasses.length;
  const head =
    kept === 0
      ? 'The last layer started from random values.'
      : kept === labels.length
        ? 'The last layer was kept.'
        : `The last layer kept ${init.keptClasses.join(', ')}.`;
  return html`<p class="after">It started from the parameters of <code>${init.source}</code> (SHA-256 ${init.sha256.slice(0, 12)}). ${head}</p>\n`;
}

export function engineSection({ run }: RunRecord): Markup {
  const rows = run.stretches.map((session): TableRow => {
    const versions = Object.entries(session.versions).map(([name, version]) => `${name} ${version}`);
    const { startedAt, fromEpoch, engine, device, precision = 'not recorded', why } = session;
    return {
      cells: [
        moment(startedAt),
        String(fromEpoch),
        `${engine} on ${device}`,
        precision,
        why,
        versions.join(', '),
      ],
    };
  });
  const columns = [
    { heading: 'started', kind: 'text' },
    { heading: 'after epoch', kind: 'number' },
    { heading: 'engine', kind: 'text' },
    { heading: 'precision', kind: 'text' },
    { heading: 'reason', kind: 'prose' },
    { heading: 'versions', kind: 'prose' },
  ] as const;
  const ended =
    run.endedAt === undefined ? nothing : html`<p class="after">Ended ${moment(run.endedAt)}.</p>`;
  return section(
    'Engine',
    `Textura ${run.textura}. A resumed run has a row for each session.`,
    html`${table('Sessions', columns, rows)}${ended}`,
  );
}

export function commandsSection({ run, name, path, firstKernel }: RunRecord): Markup {
  const entry = html`${
    isUnfinished(run) ? html`<p>To resume it:</p>${command(resumeCommand(run, path))}` : nothing
  }<p>To repeat the run:</p>
${command(trainCommand(run, `runs/${name}-again`))}${
  firstKernel === undefined
    ? nothing
    : html`<p>To export the best model to verified ONNX files and classify a photograph:</p>
${command(exportCommand(path))}${command(classifyCommand(run))}${
  canBeEvaluated(run)
    ? html`<p>To evaluate the exported model on the validation photographs:</p>
${command(commandText('evaluate', '--run', path))}<p>To look for wrong labels among them, and for duplicates and odd pictures in all photographs:</p>
${command(commandText('inspect', '--data', run.data.source, '--run', path))}`
    : nothing
}`
}`;
  return section('Next steps', '', entry);
}

/**
 * Trains the same as `run` into `out`: names the network, what it started from, every setting that differs
 * from the recipe `plain`, whose settings are the schema's defaults, and the engine, because engines round
 * differently.
 */
export function trainCommand(run: Run, out: string): string {
  const defaults: Partial<TrainingConfig> = trainingConfigSchema.parse({});
  const { variant, ...config } = run.config;
  const keys = Object.keys(config) as (keyof typeof config)[];
  const settings = keys.flatMap((key): readonly string[] => {
    const value = config[key];
    if (value === undefined || (key !== 'data' && value === defaults[key])) return [];
    return typeof value === 'boolean' ? [flagOf(key)] : [flagOf(key), String(value)];
  });
  const chosen = ['--network', variant, '--recipe', 'plain', ...settings];
  if (run.init !== undefined) chosen.push('--init', run.init.source);
  const engine = run.stretches.at(-1)?.engine;
  return commandText('train', ...chosen, ...(engine === undefined ? [] : ['--engine', engine]), '--out', out);
}

export function resumeCommand(run: Run, directory: string): string {
  return `${trainCommand(run, directory)} --resume`;
}

/** Whether there are files of validation photographs. */
function canBeEvaluated({ data }: Run): boolean {
  return data.validationImages > 0 && data.source !== 'generated';
}

export function exportCommand(directory: string): string {
  return commandText('export', '--run', directory);
}

function classifyCommand(run: Run): string {
  return commandText('classify', '--model', `models/${run.config.variant}.onnx`, 'PHOTO.jpg');
}
