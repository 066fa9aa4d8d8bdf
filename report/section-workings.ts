/** The report's middle: what the first layer looks for, what the network was shown, and what it is made of. */
import { trainingStepBytes } from '../model/description.ts';
import { networkOfRun } from '../model/run-file.ts';
import { type DescriptionRow, descriptionHeadings, descriptionRows } from './description-table.ts';
import { svgElement } from './drawing.ts';
import { filtersFigure } from './filters-figure.ts';
import { html, type Markup, nothing } from './markup.ts';
import { bytes, count } from './numerals.ts';
import { type Column, section, table } from './page-parts.ts';
import { pagePalette } from './palette.ts';
import type { RunRecord } from './run-directory.ts';

export function filtersSection({ firstKernel }: RunRecord): Markup {
  if (firstKernel === undefined) return nothing;
  const figure = svgElement(filtersFigure(firstKernel, pagePalette), 'kernels of conv1', pagePalette);
  return section(
    'What it looks for',
    'The kernels of the first convolution. Middle grey is zero; white and black are the weight below the tile.',
    figure,
  );
}

export function samplesSection({ samples, run }: RunRecord): Markup {
  if (samples === undefined) return nothing;
  const image = html`<img src="${samples}" alt="training patches before and after augmentation">`;
  return section('What it was shown', `Training patches, augmented by "${run.config.augment}".`, image);
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
<p class="after">Training with batches of ${count(batch)} needs about ${need} at its peak.</p>`;
  return section(
    'The network',
    `Variant ${run.config.variant}. Multiply-adds are of one patch, memory is of the outputs of one batch; "sees" is the side of the square of the patch that one output depends on.`,
    entry,
  );
}
