/** The network as a table, printed before anything is trained and shown in the report: what it is and what it will cost. */
import { describeLayers, type LayerDescription, totalsOf, trainingStepBytes } from '../model/description.ts';
import type { Layer } from '../model/layer.ts';
import { inputPx, type Network } from '../model/network.ts';
import { bytes, count } from './numerals.ts';

/** One layer in words. Sizes are `height x width x channels`, as the paper writes them. */
export interface DescriptionRow {
  readonly layer: string;
  readonly does: string;
  readonly output: string;
  readonly parameters: string;
  /** Of one patch. */
  readonly multiplyAdds: string;
  /** The layer's output for the whole batch. */
  readonly memory: string;
  readonly seesPx: string;
  readonly stridePx: string;
}

export const descriptionHeadings: DescriptionRow = {
  layer: 'layer',
  does: 'does',
  output: 'output',
  parameters: 'parameters',
  multiplyAdds: 'multiply-adds',
  memory: 'memory',
  seesPx: 'sees px',
  stridePx: 'stride',
};

/** A row a layer and the row of totals. `batch` is in patches. */
export function descriptionRows(
  network: Network,
  batch: number,
): { readonly layers: readonly DescriptionRow[]; readonly total: DescriptionRow } {
  const layers = describeLayers(network);
  const { parameters, multiplyAdds, activationBytes } = totalsOf(layers);
  return {
    layers: layers.map((layer) => descriptionRow(layer, batch)),
    total: {
      layer: 'total',
      does: '',
      output: '',
      parameters: count(parameters),
      multiplyAdds: count(multiplyAdds),
      memory: bytes(activationBytes * batch),
      seesPx: '',
      stridePx: '',
    },
  };
}

/** The table as text for a terminal, at most 100 columns wide, with the memory that a training step needs below it. */
export function describeTable(network: Network, batch: number): string {
  const { layers, total } = descriptionRows(network, batch);
  const columns = Object.keys(descriptionHeadings) as (keyof DescriptionRow)[];
  const rows = [descriptionHeadings, ...layers, total];
  const widths = columns.map((column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: DescriptionRow) =>
    columns
      .map((column, i) => (i < 2 ? row[column].padEnd(widths[i] ?? 0) : row[column].padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  return [
    `${network.name}: ${inputPx}x${inputPx} grey patches in ${count(network.classes)} classes`,
    '',
    line(descriptionHeadings),
    rule,
    ...layers.map(line),
    rule,
    line(total),
    '',
    'Multiply-adds are of one patch, memory is of the outputs of one batch.',
    `Training with batches of ${count(batch)} needs about ${bytes(trainingStepBytes(network, batch))} at its peak.`,
    '',
  ].join('\n');
}

function descriptionRow(description: LayerDescription, batch: number): DescriptionRow {
  const [channels, height, width] = description.outputShape;
  return {
    layer: description.layer.name,
    does: whatItDoes(description.layer),
    output: `${height}x${width}x${channels}`,
    parameters: count(description.parameterCount),
    multiplyAdds: count(description.multiplyAdds),
    memory: bytes(description.activationBytes * batch),
    seesPx: count(description.receptiveFieldPx),
    stridePx: count(description.stridePx),
  };
}

function whatItDoes(layer: Layer): string {
  switch (layer.kind) {
    case 'standardise':
      return 'mean 0, variance 1';
    case 'subtractMean':
      return `minus ${layer.meanGrey.toFixed(1)}`;
    case 'convolution':
      return `${layer.kernelPx}x${layer.kernelPx} kernels`;
    case 'relu':
      return 'max(0, x)';
    case 'maxPool':
      return `maximum of ${layer.sizePx}x${layer.sizePx}`;
    case 'globalAverage':
      return 'mean over positions';
    default:
      return layer satisfies never;
  }
}
