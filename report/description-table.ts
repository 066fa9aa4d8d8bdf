/** The network as a table of its layers and their cost, printed before training and shown in the report. */
import { describeLayers, type LayerDescription, totalsOf, trainingStepBytes } from '../model/description.ts';
import { bytes, count, textTable } from '../model/format.ts';
import type { Layer } from '../model/layer.ts';
import type { Network } from '../model/network.ts';
import { inputPx } from '../model/patch.ts';
import { counted } from '../model/words.ts';

/** One layer as text. Sizes are `height x width x channels`, as in the paper. */
export interface DescriptionRow {
  readonly layer: string;
  readonly does: string;
  readonly output: string;
  readonly parameters: string;
  /** Per patch. */
  readonly multiplyAdds: string;
  /** Of the layer's output for a whole batch. */
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

/** A row for each layer and a row of totals. `batch` is in patches. */
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

/**
 * The table as text for a terminal, and the memory that a training step needs. Each column that does not fit
 * into the terminal's `width` is left out, from the last.
 */
export function describeTable(network: Network, batch: number, width: number): string {
  const { layers, total } = descriptionRows(network, batch);
  const columns = Object.keys(descriptionHeadings) as (keyof DescriptionRow)[];
  const tableOf = (shown: readonly (keyof DescriptionRow)[]): string => {
    const cells = (row: DescriptionRow) => shown.map((column) => row[column]);
    const table = textTable(cells(descriptionHeadings), layers.map(cells), 2, cells(total));
    return shown.length > 1 && table.indexOf('\n') > width ? tableOf(shown.slice(0, -1)) : table;
  };
  const table = tableOf(columns);
  return [
    `${network.name}: ${inputPx}x${inputPx} grey patches in ${count(network.classes)} classes`,
    '',
    table,
    '',
    `Multiply-adds are per patch${table.includes(descriptionHeadings.memory) ? ', memory is for the outputs of one batch' : ''}.`,
    `Training with batches of ${count(batch)} needs about ${bytes(trainingStepBytes(network, batch))} of memory at its peak.`,
    '',
  ].join('\n');
}

function descriptionRow(description: LayerDescription, batch: number): DescriptionRow {
  const [channels, height, width] = description.outputShape;
  return {
    layer: description.layer.name,
    does: operationText(description.layer),
    output: `${height}x${width}x${channels}`,
    parameters: count(description.parameterCount),
    multiplyAdds: count(description.multiplyAdds),
    memory: bytes(description.activationBytes * batch),
    seesPx: count(description.receptiveFieldPx),
    stridePx: count(description.stridePx),
  };
}

function operationText(layer: Layer): string {
  switch (layer.kind) {
    case 'standardise':
      return 'mean 0, variance 1';
    case 'subtractMean':
      return `minus ${Number.isNaN(layer.meanGrey) ? 'the mean grey level' : layer.meanGrey.toFixed(1)}`;
    case 'convolution':
      return `${layer.kernelPx}x${layer.kernelPx} kernels${layer.stridePx === undefined ? '' : `, stride ${layer.stridePx}`}`;
    case 'batchNorm':
      return 'batch normalisation';
    case 'relu':
      return 'max(0, x)';
    case 'maxPool':
      return `maximum of ${layer.sizePx}x${layer.sizePx}`;
    case 'globalStatistics':
      return `${layer.deviations === false ? 'mean' : 'mean and deviation'} of ${counted(layer.of.length, 'layer')}`;
    case 'globalAverage':
      return 'mean over positions';
    default:
      return layer satisfies never;
  }
}
