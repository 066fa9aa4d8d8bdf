/** docs/bench-serve.md: what each server answered, and the share of what onnxruntime computes without one. */
import type { Circumstances } from './circumstances.ts';
import { busyNote, measuredOn, table } from './page-parts.ts';
import { anatomySection, type RequestAnatomy } from './serve-anatomy.ts';
import type { LoadResult } from './serve-load.ts';
import { medianRatio, spreadOf } from './statistics.ts';

export interface ServerRounds {
  readonly name: string;
  readonly isOurs: boolean;
  /** In each round. */
  readonly results: readonly LoadResult[];
  readonly memoryBytes: number | undefined;
}

export interface ServePanel {
  readonly picture: string;
  readonly connections: number;
  readonly servers: readonly ServerRounds[];
  /** Pictures a second in this process, without a server, in each round. */
  readonly limits: readonly number[];
}

export interface ServeResults {
  readonly panels: readonly ServePanel[];
  /** Not there where the service was left out. */
  readonly anatomy: RequestAnatomy | undefined;
  readonly seconds: number;
  readonly circumstances: Circumstances;
  readonly versions: Readonly<Record<string, string>>;
  readonly leftOut: readonly string[];
  readonly command: string;
}

export function servePage({
  panels,
  anatomy,
  seconds,
  circumstances,
  versions,
  leftOut,
  command,
}: ServeResults): string {
  const left = leftOut.map((line) => `Left out: ${line}.\n`).join('');
  return `# Requests a second in serving

\`npm run serve\` beside servers in Python on the same model, pictures and machine. All are up the whole time and have served for 8 s before; while
one is measured, for ${seconds} s a turn after a second that does not count, the others are stopped. autocannon sends, on the same cores. A rate is the median over the
rounds with its quartiles; a ratio is the median of the ratios within the rounds. The limit is onnxruntime-node in a process that does nothing else, on
batches of 32 by the throughput file, without decoding.
${busyNote(circumstances)}
${[...panels.map(panelSection), ...(anatomy ? [anatomySection(anatomy)] : [])].join('\n')}${left === '' ? '' : `\n${left}`}
${measuredOn(circumstances, versions, command)}`;
}

const columns = [
  'server',
  'requests/s',
  'quartiles',
  'of the best peer',
  'of the limit',
  'p50 ms',
  'p99 ms',
  'errors',
  'memory',
] as const;

/** One picture at one concurrency as a heading and a table, as Markdown and for a terminal alike. */
export function panelSection(panel: ServePanel): string {
  const heading = `## ${panel.picture}, ${panel.connections} at a time`;
  return `${heading}\n\n${table(
    columns,
    panel.servers.map((server) => rowOf(server, panel)),
  )}${lagSentence(panel)}`;
}

/** Of ours alone: what else a request may have to wait for. */
function lagSentence({ servers }: ServePanel): string {
  const lags = servers.flatMap(({ results }) => results.flatMap(({ lagMs }) => lagMs ?? []));
  if (lags.length === 0) return '';
  return `\nTextura's event loop was late by ${spreadOf(lags).median.toFixed(1)} ms at its 99th percentile (median over the rounds).\n`;
}

function rowOf({ name, results, memoryBytes }: ServerRounds, panel: ServePanel): readonly string[] {
  const rates = ratesOf(results);
  const { median, lowerQuartile, upperQuartile } = spreadOf(rates);
  const best = bestPeer(panel);
  const middle = (values: readonly number[]) => {
    const known = values.filter((value) => !Number.isNaN(value));
    return known.length === 0 ? 'no answer' : millisecondsText(spreadOf(known).median);
  };
  return [
    name,
    median.toFixed(0),
    `${lowerQuartile.toFixed(0)} to ${upperQuartile.toFixed(0)}`,
    best === undefined ? '' : medianRatio(rates, ratesOf(best.results)).toFixed(2),
    `${(medianRatio(rates, panel.limits) * 100).toFixed(0)} %`,
    middle(results.map(({ p50Ms }) => p50Ms)),
    middle(results.map(({ p99Ms }) => p99Ms)),
    String(results.reduce((sum, { errors }) => sum + errors, 0)),
    memoryBytes === undefined ? '' : `${(memoryBytes / 2 ** 20).toFixed(0)} MiB`,
  ];
}

/** Three digits, as far as they stand behind the point. */
function millisecondsText(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

function ratesOf(results: readonly LoadResult[]): readonly number[] {
  return results.map(({ requestsPerSecond }) => requestsPerSecond);
}

function bestPeer({ servers }: ServePanel): ServerRounds | undefined {
  const peers = servers.filter(({ isOurs }) => !isOurs);
  const rate = ({ results }: ServerRounds) => spreadOf(ratesOf(results)).median;
  return peers.toSorted((a, b) => rate(b) - rate(a))[0];
}
