/** The report's sections about what is inside a run: the filters, the training patches and the network. */
import { trainingStepBytes } from '../model/description.ts';
import { bytes, count } from '../model/format.ts';
import { networkOfRun } from '../model/run-file.ts';
import { type DescriptionRow, descriptionHeadings, descriptionRows } from './description-table.ts';
import { svgElement } from './drawing.ts';
import { filtersFigure } from './filters-figure.ts';
import { html, type Markup, nothing } from './markup.ts';
import { type Column, section, table } from './page.ts';
import { pagePalette } from './palette.ts';
import type { RunRecord } from './run-directory.ts';

export function filtersSection({ firstKernel }: RunRecord): Markup {
  if (firstKernel === undefined) return nothing;
  const figure = svgElement(filtersFigure(firstKernel, pagePalette), 'kernels of conv1', pagePalette);
  return section(
    'Filters',
    'The kernels of the first convolution. Middle grey is zero; white and black are plus and minus the value below each kernel.',
    figure,
  );
}

export function samplesSection({ samples, run }: RunRecord): Markup {
  if (samples === undefined) return nothing;
  const image = html`<img src="${samples}" alt="training patches before and after augmentation">`;
  return section('Training patches', `Before and after augmentation with "${run.config.augment}".`, image);
}

const kinds: { readonly [column in keyof DescriptionRow]: Column['kind'] } = {
  layer: 'text',
  does: 'text',
  output: 'number',
  parameters: 'number',
  multiplyAdds: 'number',
  memory: 'number',
  seesPx: 'number',
  stridePx: 'number',
};

export function networkSection({ run }: RunRecord): Markup {
  const { batch } = run.config;
  const network = networkOfRun(run);
  const { layers, total } = descriptionRows(network, batch);
  const names = Object.keys(descriptionHeadings) as (keyof DescriptionRow)[];
  const columns = names.map((name): Column => ({ heading: descriptionHeadings[name], kind: kinds[name] }));
  const cells = (row: DescriptionRow) => ({ cells: names.map((name) => row[name]) });
  const need = bytes(trainingStepBytes(network, batch));
  const entry = html`${table('Layers of the network', columns, layers.map(cells), cells(total))}
<p class="after">Training with batches of ${count(batch)} needs about ${need} of memory at its peak.</p>`;
  return section(
    'Network',
    `Network ${run.config.variant}. Multiply-adds are per patch, memory is for the outputs of one batch. "sees" is the side of the receptive field: the square of the patch that one output depends on.`,
    entry,
  );
}
