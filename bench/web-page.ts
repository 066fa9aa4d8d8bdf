/** docs/bench-web.md: the page's figures beside what was aimed at, and the runtimes. */
import type { Circumstances } from './circumstances.ts';
import { busyNote, measuredOn, table } from './page-parts.ts';
import { medianRatio, spreadOf } from './statistics.ts';
import type { PageFigures } from './web/page-figures.ts';

export interface RuntimeRow {
  readonly runtime: string;
  /** Patches a second in each round. */
  readonly rates: readonly number[];
  /** The largest difference of a probability from the first runtime's. */
  readonly difference: number;
}

export interface WebResults {
  readonly figures: PageFigures;
  /** The first one is ours. */
  readonly rows: readonly RuntimeRow[];
  readonly circumstances: Circumstances;
  readonly versions: Readonly<Record<string, string>>;
  readonly command: string;
}

export function webPage({ figures, rows, circumstances, versions, command }: WebResults): string {
  return `# The page in Chromium, on one thread

The built page with the reference network, from a plain server on the same machine without headers that isolate it: one thread of
WebAssembly. Each figure is read off the page as a person sees it. A camera has 30 frames a second, so the rate cannot be higher.
${busyNote(circumstances)}
${table(['', 'measured', 'aim'], figureRows(figures))}
## Beside TensorFlow.js

The same network with the same values in one page, one patch at a time, one thread, taking turns; medians over the rounds, and the median of the
ratios within the rounds.

${table(
  ['runtime', 'patches/s', 'quartiles', 'ours is', 'differs by'],
  rows.map((row) => runtimeRow(row, rows)),
)}
${measuredOn(circumstances, versions, command)}`;
}

function figureRows(figures: PageFigures): readonly (readonly string[])[] {
  const { framesPerSecond, frameMs, heatMapMs, codeBytes, firstReadingMs, frames, heapBytes, processBytes } =
    figures;
  const mebibytes = ([before, after]: readonly [number, number]) =>
    `${(before / 2 ** 20).toFixed(1)} to ${(after / 2 ** 20).toFixed(1)} MiB`;
  return [
    ['live frames a second', framesPerSecond.toFixed(1), '25 or more'],
    ['of which inference', `${frameMs.toFixed(1)} ms`, ''],
    [
      'heat map of 640x480, places 32 px apart',
      `${spreadOf(heatMapMs).median.toFixed(0)} ms`,
      'under 400 ms',
    ],
    ['page code, gzipped, without onnxruntime', `${(codeBytes / 1000).toFixed(0)} kB`, 'under 120 kB'],
    [
      'first reading from an empty cache',
      `${(spreadOf(firstReadingMs).median / 1000).toFixed(1)} s`,
      'under 3 s',
    ],
    [`JavaScript heap over ${frames} frames`, mebibytes(heapBytes), 'level'],
    [`private memory of the page's process over ${frames} frames`, mebibytes(processBytes), 'level'],
  ];
}

function runtimeRow(
  { runtime, rates, difference }: RuntimeRow,
  rows: readonly RuntimeRow[],
): readonly string[] {
  const { median, lowerQuartile, upperQuartile } = spreadOf(rates);
  const ratio = medianRatio(rows[0]?.rates ?? [], rates);
  return [
    runtime,
    median.toFixed(1),
    `${lowerQuartile.toFixed(1)} to ${upperQuartile.toFixed(1)}`,
    `${ratio.toFixed(ratio < 10 ? 1 : 0)} times`,
    difference.toExponential(1),
  ];
}
