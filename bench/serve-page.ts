/** docs/bench-serve.md: what each server reached at each load, and where the time of one request goes. */

import type { ClassifyAnswer } from '../model/service.ts';
import { medianOf } from '../model/statistics/descriptive.ts';
import { counted } from '../model/words.ts';
import { alignedTable, benchPage, mebibytes, type Origin, rateCells, wholePercent } from './bench-page.ts';
import type { LoadResult } from './serve-load.ts';
import { medianRatio } from './statistics.ts';

interface ServerRounds {
  readonly name: string;
  readonly isTextura: boolean;
  /** One per round. */
  readonly results: readonly LoadResult[];
  readonly memoryBytes: number | undefined;
}

/** One image at one number of connections. */
export interface ServePanel {
  readonly image: string;
  readonly connections: number;
  readonly servers: readonly ServerRounds[];
  /** The upper bound in each round: images per second in this process, without a server. */
  readonly bounds: readonly number[];
}

/** Median times of one request, in ms. */
export interface RequestAnatomy extends Readonly<ClassifyAnswer['timings']> {
  readonly image: string;
  /** From the client's request to its response. */
  readonly totalMs: number;
}

export function servingSpeedPage(sections: readonly string[], seconds: number, origin: Origin): string {
  const introduction = `# Serving speed

Requests per second of \`npm run serve\` and of Python servers that run the same model in onnxruntime on the
same machine. In each table, clients send one image over a number of connections, one request at a time on
each connection.

- **requests/s**: requests answered with status 200 per second, median over the rounds. **quartiles**: the
  middle half of the rounds lies between these two rates.
- **vs. best peer**: the speed relative to the fastest Python server of the table, the median of the ratios
  within the rounds.
- **of upper bound**: the speed relative to onnxruntime-node without a server: one process that runs the
  throughput file on batches of 32 patches, without HTTP and decoding.
- **p50 ms**, **p99 ms**: 50 % and 99 % of the responses took at most this time.
- **errors**: responses other than 200 and failed connections, in all rounds together.
- **memory**: of all processes of the server. Memory pages that they share count once.

The servers take turns: while one is measured, the others are paused. Every server has been under load for 8 s
before its first turn. A turn is a warm-up of 1 s and ${seconds} measured seconds. autocannon sends the requests; it
runs on the same cores as the servers.
`;
  return benchPage(introduction, sections, origin);
}

const columns = [
  'server',
  'requests/s',
  'quartiles',
  'vs. best peer',
  'of upper bound',
  'p50 ms',
  'p99 ms',
  'errors',
  'memory',
] as const;

/** One panel as a heading and a table, for Markdown and for a terminal. */
export function panelSection(panel: ServePanel): string {
  const { image, connections, servers } = panel;
  const heading = `## ${image}, ${counted(connections, 'connection')}`;
  const rows = servers.map((server) => cellsOf(server, panel));
  return `${heading}\n\n${alignedTable(columns, rows)}${processesSentences(panel)}${lagSentence(panel)}`;
}

/** How the service with several processes compares with the first one of the table. */
function processesSentences({ servers }: ServePanel): string {
  const [first, ...others] = servers.filter(({ isTextura }) => isTextura);
  if (first === undefined || others.length === 0) return '';
  const sentences = others.map(({ name, results }) => {
    const ratio = medianRatio(ratesOf(results), ratesOf(first.results)).toFixed(2);
    return `${name}: ${ratio} times the requests/s of ${first.name} (median of the ratios within the rounds).`;
  });
  return `\n${sentences.join('\n\n')}\n`;
}

function lagSentence({ servers }: ServePanel): string {
  const lags = servers.flatMap(({ results }) => results.flatMap(({ lagMs }) => lagMs ?? []));
  if (lags.length === 0) return '';
  return `\nThe 99th percentile of Textura's event loop delay was ${medianOf(lags).toFixed(1)} ms (median over the rounds).\n`;
}

function cellsOf({ name, results, memoryBytes }: ServerRounds, panel: ServePanel): readonly string[] {
  const rates = ratesOf(results);
  const best = bestPeer(panel);
  const middle = (values: readonly number[]) => {
    const known = values.filter((value) => !Number.isNaN(value));
    return known.length === 0 ? 'no answer' : threeDigits(medianOf(known));
  };
  return [
    name,
    ...rateCells(rates),
    best === undefined ? '' : medianRatio(rates, ratesOf(best.results)).toFixed(2),
    wholePercent(medianRatio(rates, panel.bounds)),
    middle(results.map(({ p50Ms }) => p50Ms)),
    middle(results.map(({ p99Ms }) => p99Ms)),
    String(results.reduce((sum, { errors }) => sum + errors, 0)),
    memoryBytes === undefined ? '' : mebibytes(memoryBytes),
  ];
}

/** `9.87`, `98.7`, `987`, `9876`. */
function threeDigits(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

function ratesOf(results: readonly LoadResult[]): readonly number[] {
  return results.map(({ requestsPerSecond }) => requestsPerSecond);
}

function bestPeer({ servers }: ServePanel): ServerRounds | undefined {
  const peers = servers.filter(({ isTextura }) => !isTextura);
  const rate = ({ results }: ServerRounds) => medianOf(ratesOf(results));
  return peers.toSorted((a, b) => rate(b) - rate(a))[0];
}

export function anatomySection({ image, decodeMs, queueMs, inferMs, totalMs }: RequestAnatomy): string {
  const rest = totalMs - decodeMs - queueMs - inferMs;
  const row = (part: string, ms: number) => [part, ms.toFixed(2), wholePercent(ms / totalMs)];
  const rows = [
    row('inference in onnxruntime', inferMs),
    row('decoding the image and cutting patches', decodeMs),
    row('waiting for a batch', queueMs),
    row('rest: HTTP, client, messages between threads', rest),
    row('total', totalMs),
  ];
  return `## Where the time of one request goes

Median times of Textura for one ${image} at a time. All servers of this page run onnxruntime: they differ in
the other parts.

${alignedTable(['part', 'ms', 'share'], rows)}`;
}
