/** docs/bench-infer.md: images a second of both files of a network. */
import type { VariantName } from '../model/network.ts';
import type { Circumstances } from './circumstances.ts';
import { busyNote, measuredOn, table } from './page-parts.ts';
import { medianRatio, spreadOf } from './statistics.ts';

export interface InferRow {
  readonly batch: number;
  /** Images a second in each round. */
  readonly portable: readonly number[];
  readonly throughput: readonly number[];
  /** The largest difference of a probability between the files. */
  readonly difference: number;
}

export interface InferPanel {
  readonly threads: number;
  readonly rows: readonly InferRow[];
}

export interface InferResults {
  readonly variant: VariantName;
  readonly panels: readonly InferPanel[];
  readonly circumstances: Circumstances;
  readonly versions: Readonly<Record<string, string>>;
  readonly command: string;
}

export function inferPage({ variant, panels, circumstances, versions, command }: InferResults): string {
  return `# Images a second in classification

\`${variant}.onnx\`, which every tool reads, beside \`${variant}.throughput.onnx\`, the same network with convolutions in tiles (Winograd), both in
onnxruntime-node, in one process, taking turns. A rate is the median over the rounds with its quartiles; the ratio is the median of the
ratios within the rounds. Patches are at hand as float32: decoding and cutting pictures is not in it.
${busyNote(circumstances)}
${panels.map(panelSection).join('\n')}
${measuredOn(circumstances, versions, command)}`;
}

const columns = ['batch', 'portable', 'quartiles', 'throughput', 'quartiles', 'ratio', 'differ by'] as const;

/** The rows of one number of threads as a heading and a table. */
export function panelSection({ threads, rows }: InferPanel): string {
  return `## ${threads} ${threads === 1 ? 'thread' : 'threads'}\n\n${table(columns, rows.map(rowOf))}`;
}

function rowOf({ batch, portable, throughput, difference }: InferRow): readonly string[] {
  return [
    String(batch),
    ...rateCells(portable),
    ...rateCells(throughput),
    medianRatio(throughput, portable).toFixed(2),
    difference.toExponential(1),
  ];
}

function rateCells(rates: readonly number[]): readonly string[] {
  const { median, lowerQuartile, upperQuartile } = spreadOf(rates);
  return [median.toFixed(0), `${lowerQuartile.toFixed(0)} to ${upperQuartile.toFixed(0)}`];
}
