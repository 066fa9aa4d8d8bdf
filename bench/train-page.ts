/** docs/bench-train.md: the figures, what they mean, and on what they were measured. */
import { busyNote, measuredOn, table } from './page-parts.ts';
import { spreadOf } from './statistics.ts';
import {
  type ContestResult,
  peakShare,
  type Standing,
  standings,
  type TrainResults,
} from './train-results.ts';

export function trainPage(results: TrainResults): string {
  const { contests, leftOut, stepsPerRound, command } = results;
  return `# Images a second in training

![Images a second of each contender](bench-train.svg)

One training step, forward, backward and update by SGD with momentum, on float32 patches made from bytes and standardised in the network.
Every contender is a process of its own; they take turns, up to ${stepsPerRound} steps each in each round, after steps
that are not counted. A rate is the median over the rounds with its quartiles. A ratio is the median of the ratios within the rounds.
"With data pipeline" cuts each batch from images in a thread beside the engine, as \`npm run train\` does; the other rows step on batches
that are at hand, those of PyTorch and TensorFlow for Python among them. "In Chromium" is the onnx engine's graph in a page, by
onnxruntime-web's WebAssembly on one thread. Products of matrices are measured in the same turns: they are what onnxruntime can do on this machine at
best, so their share tells how much of a step is anything else.
${busyNote(results.circumstances)}
${contests.map(contestSection).join('\n')}
${leftOut.map((line) => `Left out: ${line}.\n\n`).join('')}${measuredOn(results.circumstances, results.versions, command)}`;
}

/** One contest as a heading and a table, as Markdown and for a terminal alike. */
export function contestSection(result: ContestResult): string {
  const { variant, threads, batch, data } = result.contest;
  const rounds = result.measurements[0]?.rates.length ?? 0;
  const heading = `## ${variant}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, batch ${batch}, ${data} images, ${rounds} rounds`;
  const left = result.leftOut.map((line) => `\nLeft out: ${line}.\n`).join('');
  return `${heading}\n\n${table(columns, standings(result).map(rowOf))}${peakText(result)}${left}`;
}

function peakText(result: ContestResult): string {
  const peak = peakShare(result);
  if (peak === undefined) return '';
  const products = result.products.map(
    ({ name, gigaflops }) => `${spreadOf(gigaflops).median.toFixed(0)} GFLOP/s (${name})`,
  );
  const millions = (multiplyAdds: number) => (multiplyAdds / 1e6).toFixed(1);
  return `
Matrix products reach ${products.join(' and ')}. The onnx engine's step multiplies ${millions(peak.multiplyAdds)} million times a patch,
where the definition of its layers asks for ${millions(peak.definitionMultiplyAdds)} million: ${peak.gigaflops.toFixed(0)} GFLOP/s, ${(peak.share * 100).toFixed(0)} % of the faster products.
`;
}

const columns = [
  'contender',
  'images/s',
  'quartiles',
  'times PyTorch',
  'of its bare step',
  'peak memory',
] as const;

function rowOf({ name, spread, ratio, shareOfBare, peakBytes }: Standing): readonly string[] {
  const { median, lowerQuartile, upperQuartile } = spread;
  return [
    name,
    median.toFixed(0),
    `${lowerQuartile.toFixed(0)} to ${upperQuartile.toFixed(0)}`,
    ratio === undefined ? '' : ratio.toFixed(2),
    shareOfBare === undefined ? '' : `${(shareOfBare * 100).toFixed(0)} %`,
    `${(peakBytes / 2 ** 20).toFixed(0)} MiB`,
  ];
}
