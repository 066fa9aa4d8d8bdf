/** docs/bench-train.svg: a bar a contender, with its quartiles. */
import * as Plot from '@observablehq/plot';
import { arranged, chart, type Drawing, svgFile } from '../report/drawing.ts';
import { lightPalette } from '../report/palette.ts';
import { yardstick } from './train-contenders.ts';
import { type ContestResult, type Standing, standings, type TrainResults } from './train-results.ts';

const widthPx = 800;
const barPx = 24;
const frame = { marginTop: 40, marginBottom: 26, marginLeft: 270, marginRight: 100 } as const;

export function trainFigure({
  contests,
  circumstances,
}: Pick<TrainResults, 'contests' | 'circumstances'>): string {
  const fastest = Math.max(
    ...contests.flatMap(({ measurements }) => measurements.flatMap(({ rates }) => rates)),
  );
  const panels = contests.map((result) => panel(result, fastest));
  const heading = `Training: images a second on ${circumstances.cores} cores (${circumstances.processor}), and times PyTorch`;
  return svgFile(arranged(panels, 1), heading);
}

/** Rates share one scale, so that panels can be compared. */
function panel(result: ContestResult, fastest: number): Drawing {
  const { variant, threads, batch } = result.contest;
  const rows = standings(result);
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
      Plot.barX(rows, { x: median, y: 'name', fill: colourOf }),
      Plot.ruleY(rows, { x1: lower, x2: upper, y: 'name', stroke: ink, strokeWidth: 1.5 }),
      Plot.text(rows, { x: end, y: 'name', text: labelOf, textAnchor: 'start', dx: 6, fill: ink }),
      Plot.text([`${variant}, batch ${batch}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`], {
        frameAnchor: 'top-left',
        dx: 10 - frame.marginLeft,
        dy: 12 - frame.marginTop,
        fontSize: 13,
        fill: ink,
      }),
    ],
  });
}

const median = ({ spread }: Standing) => spread.median;
const lower = ({ spread }: Standing) => spread.lowerQuartile;
const upper = ({ spread }: Standing) => spread.upperQuartile;
const end = ({ spread }: Standing) => Math.max(spread.median, spread.upperQuartile);

function labelOf({ spread, ratio, name }: Standing): string {
  const rate = spread.median.toFixed(0);
  return ratio === undefined || name === yardstick ? rate : `${rate} (${ratio.toFixed(2)}x)`;
}

function colourOf({ name }: Standing): string {
  if (name.startsWith('onnx')) return lightPalette.validation;
  return name.startsWith('tfjs') ? lightPalette.training : lightPalette.muted;
}
