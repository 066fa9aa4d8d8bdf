/**
 * The reliability diagram: for predictions of similar confidence, the share that is right against the mean
 * confidence. On the diagonal a model's probabilities can be taken literally; below it the model is too sure.
 */
import * as Plot from '@observablehq/plot';
import type { ReliabilityBin } from '../model/calibration.ts';
import { chart, type Drawing } from './drawing.ts';
import type { Palette } from './palette.ts';

const sidePx = 300;
const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1];

interface BinnedPredictions {
  readonly bins: readonly ReliabilityBin[];
}

/** Without a temperature, and with it. */
export interface Reliability {
  readonly uncalibrated: BinnedPredictions;
  readonly calibrated?: BinnedPredictions | undefined;
}

/** Bins with the file's temperature as filled dots, without it as circles. */
export function reliabilityFigure(
  title: string,
  { uncalibrated, calibrated }: Reliability,
  palette: Palette,
): Drawing {
  const shown = calibrated ?? uncalibrated;
  return chart({
    width: sidePx,
    height: sidePx + 24,
    marginTop: 40,
    marginRight: 14,
    marginBottom: 36,
    marginLeft: 38,
    style: { background: 'none' },
    x: { domain: [0, 1], label: null },
    y: { domain: [0, 1], label: null },
    r: { type: 'identity' },
    marks: [
      Plot.gridX({ stroke: palette.rule, strokeOpacity: 1, ticks }),
      Plot.gridY({ stroke: palette.rule, strokeOpacity: 1, ticks }),
      Plot.axisX({ ticks, tickSize: 0, fill: palette.muted, tickFormat: String }),
      Plot.axisY({ ticks, tickSize: 0, fill: palette.muted, tickFormat: String }),
      Plot.line(
        [
          [0, 0],
          [1, 1],
        ],
        { stroke: palette.muted, strokeDasharray: '2 4' },
      ),
      Plot.link(shown.bins, {
        x: 'confidence',
        y1: 'confidence',
        y2: 'accuracy',
        stroke: palette.wrong,
        strokeWidth: 2,
      }),
      ...(calibrated === undefined ? [] : [circles(uncalibrated, palette)]),
      Plot.dot(shown.bins, {
        x: 'confidence',
        y: 'accuracy',
        r: 4,
        fill: palette.validation,
        stroke: palette.paper,
      }),
      Plot.text([title], {
        frameAnchor: 'top-left',
        dx: -38,
        dy: -36,
        fontSize: 13,
        fill: palette.ink,
      }),
      Plot.text(['share of right predictions'], {
        frameAnchor: 'top-left',
        dx: -38,
        dy: -18,
        fill: palette.muted,
      }),
      Plot.text(['confidence'], { frameAnchor: 'bottom-right', dy: 30, fill: palette.muted }),
    ],
  });
}

function circles({ bins }: BinnedPredictions, palette: Palette): Plot.Markish {
  return Plot.dot(bins, {
    x: 'confidence',
    y: 'accuracy',
    r: 3.5,
    stroke: palette.muted,
    fill: 'none',
    className: 'before',
  });
}
