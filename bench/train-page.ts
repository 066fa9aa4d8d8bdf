/** docs/bench-train.md and its figure. */

import * as Plot from '@observablehq/plot';
import { medianOf } from '../model/statistics/descriptive.ts';
import { counted } from '../model/words.ts';
import { arranged, chart, type Drawing, svgFile } from '../report/drawing.ts';
import { lightPalette } from '../report/palette.ts';
import {
  alignedTable,
  benchPage,
  leftOutText,
  mebibytes,
  type Origin,
  rateCells,
  threadsText,
  wholePercent,
} from './bench-page.ts';
import { spreadOf } from './statistics.ts';
import { baselineName } from './train-candidates.ts';
import {
  type ComparisonResult,
  type ComparisonRow,
  comparisonRows,
  stepEfficiency,
} from './train-comparison.ts';

export function trainPage(
  results: readonly ComparisonResult[],
  stepsPerTurn: number,
  origin: Origin,
): string {
  const introduction = `# Training speed

![Images per second of each candidate](bench-train.svg)

Each table compares programs that train the same network on the same number of threads. A training step is
the forward pass, the backward pass and the update by SGD with momentum on one batch of 64x64 patches. It
starts from bytes: converting them to float32 and standardising them is part of the step.

- **candidate**: the program. "with data pipeline" cuts every batch from images in a worker thread, as
  \`npm run train\` does, and "jitter64" or "strong" also augments it. All other candidates, those in Python
  included, train on prepared batches in memory. "onnx engine in Chromium" runs the ONNX graph of the step in
  a web page with onnxruntime-web (WebAssembly, one thread).
- **images/s**: patches trained per second, median over the rounds. **quartiles**: the middle half of the
  rounds lies between these two rates.
- **vs. PyTorch**: the speed relative to PyTorch with default settings; 2.00 is twice as fast. It is the
  median of the ratios within the rounds, because load on the machine affects all candidates of a round alike.
- **vs. prepared batches**: the speed relative to the same engine on prepared batches; 100 % means that the
  data pipeline does not slow training down.
- **peak memory**: the largest resident memory of the process.

Each candidate runs in its own process. The candidates take turns: in every round each one measures up to
${counted(stepsPerTurn, 'step')} after a warm-up.

Matrix multiplications in onnxruntime are measured in the same rounds. They are the upper bound: the speed of
the step in GFLOP/s, divided by that of the faster multiplication, is the efficiency of the step. It is given
below each table.
`;
  return benchPage(introduction, results.map(comparisonSection), origin);
}

/** One comparison as a heading and a table, for Markdown and for a terminal. */
export function comparisonSection(result: ComparisonResult): string {
  const { variant, threads, batch, data } = result.comparison;
  const rounds = result.measurements[0]?.rates.length ?? 0;
  const heading = `## ${variant}, ${threadsText(threads)}, batch ${batch}, ${data} images, ${counted(rounds, 'round')}`;
  const rows = alignedTable(columns, comparisonRows(result).map(cellsOf));
  return [`${heading}\n`, `${rows}${efficiencyText(result)}`, leftOutText(result.leftOut)]
    .filter(Boolean)
    .join('\n');
}

const columns = [
  'candidate',
  'images/s',
  'quartiles',
  `vs. ${baselineName}`,
  'vs. prepared batches',
  'peak memory',
] as const;

function cellsOf({ name, rates, ratio, pipelineRatio, peakBytes }: ComparisonRow): readonly string[] {
  return [
    name,
    ...rateCells(rates),
    ratio === undefined ? '' : ratio.toFixed(2),
    pipelineRatio === undefined ? '' : wholePercent(pipelineRatio),
    mebibytes(peakBytes),
  ];
}

function efficiencyText(result: ComparisonResult): string {
  const efficiency = stepEfficiency(result);
  if (efficiency === undefined) return '';
  const { multiplyAdds, directMultiplyAdds, gigaflops, share } = efficiency;
  const products = result.products.map((product) => {
    return `${medianOf(product.gigaflops).toFixed(0)} GFLOP/s (${product.name})`;
  });
  const millions = (count: number) => (count / 1e6).toFixed(1);
  return `
Matrix multiplications reach ${products.join('\nand ')}.
The onnx engine's step needs ${millions(multiplyAdds)} million multiply-adds per patch (direct convolution: ${millions(directMultiplyAdds)} million).
It reaches ${gigaflops.toFixed(0)} GFLOP/s, ${wholePercent(share)} of the faster matrix multiplication.
`;
}

const widthPx = 800;
const barPx = 24;
const frame = { marginTop: 40, marginBottom: 26, marginLeft: 270, marginRight: 100 } as const;

/** docs/bench-train.svg: a bar per candidate, with its quartiles. */
export function trainFigure(
  results: readonly ComparisonResult[],
  { environment }: Pick<Origin, 'environment'>,
): string {
  const fastest = Math.max(
    ...results.flatMap(({ measurements }) => measurements.flatMap(({ rates }) => rates)),
  );
  const heading = `Training: images per second on ${environment.cores} cores (${environment.processor}), and speed relative to ${baselineName}`;
  return svgFile(
    arranged(
      results.map((result) => panel(result, fastest)),
      1,
    ),
    heading,
  );
}

/** All panels have the same scale, so that they can be compared. */
function panel(result: ComparisonResult, fastest: number): Drawing {
  const { variant, threads, batch } = result.comparison;
  const rows = comparisonRows(result).map((row) => ({ ...row, ...spreadOf(row.rates) }));
  type Row = (typeof rows)[number];
  const { ink, muted, rule } = lightPalette;
  return chart({
    width: widthPx,
    height: frame.marginTop + frame.marginBottom + rows.length * barPx,
    ...frame,
    style: { background: 'none' },
    x: { domain: [0, fastest], nice: true, label: null },
    y: { domain: rows.map(({ name }) => name), label: null, padding: 0.25 },
    marks: [
      Plot.gridX({ stroke: rule, strokeOpacity: 1, ticks: 6 }),
      Plot.axisX({ ticks: 6, tickSize: 0, fill: muted }),
      Plot.axisY({ tickSize: 0, fill: ink, fontSize: 12 }),
      Plot.barX(rows, { x: 'median', y: 'name', fill: colourOf }),
      Plot.ruleY(rows, {
        x1: 'lowerQuartile',
        x2: 'upperQuartile',
        y: 'name',
        stroke: ink,
        strokeWidth: 1.5,
      }),
      Plot.text(rows, {
        x: ({ median, upperQuartile }: Row) => Math.max(median, upperQuartile),
        y: 'name',
        text: labelOf,
        textAnchor: 'start',
        dx: 6,
        fill: ink,
      }),
      Plot.text([`${variant}, batch ${batch}, ${threadsText(threads)}`], {
        frameAnchor: 'top-left',
        dx: 10 - frame.marginLeft,
        dy: 12 - frame.marginTop,
        fontSize: 13,
        fill: ink,
      }),
    ],
  });
}

function labelOf({ rates, ratio, name }: ComparisonRow): string {
  const rate = medianOf(rates).toFixed(0);
  return ratio === undefined || name === baselineName ? rate : `${rate} (${ratio.toFixed(2)}x)`;
}

function colourOf({ name }: ComparisonRow): string {
  if (name.startsWith('onnx')) return lightPalette.validation;
  return name.startsWith('tfjs') ? lightPalette.training : lightPalette.muted;
}
