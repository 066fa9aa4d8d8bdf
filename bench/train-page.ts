/** docs/bench-train.md: the figures, what they mean, and on what they were measured. */
import type { Circumstances } from './circumstances.ts';
import { type ContestResult, type Standing, standings, type TrainResults } from './train-results.ts';

export function trainPage(results: TrainResults): string {
  const { contests, leftOut, rounds, stepsPerRound, command } = results;
  return `# Images a second in training

![Images a second of each contender](bench-train.svg)

One training step, forward, backward and update by SGD with momentum, on float32 patches made from bytes and standardised in the network.
Every contender is a process of its own; they take turns, up to ${stepsPerRound} steps each in each of ${rounds} rounds, after steps
that are not counted. A rate is the median over the rounds with its quartiles. A ratio is the median of the ratios within the rounds.
"With data pipeline" cuts each batch from images in a thread beside
the engine, as \`npm run train\` does; the other rows step on batches that are at hand. PyTorch is measured without a data loader.
${busyNote(results.circumstances)}
${contests.map(contestSection).join('\n')}
${leftOut.map((line) => `Left out: ${line}.\n\n`).join('')}## Measured on

${circumstancesTable(results.circumstances, results.versions)}
Made by

\`\`\`sh
${command}
\`\`\`
`;
}

/** Load on the machine cancels from a ratio only as far as it strikes both sides alike. */
function busyNote({ loadBefore, cores }: Circumstances): string {
  if (loadBefore < 0.25 * cores) return '';
  return `
**The machine was busy with other work** (load average ${loadBefore.toFixed(1)} on ${cores} cores before the run): the rates are lower than on an idle
one, and ratios are uncertain too, for a runtime whose threads wait for each other loses more than one whose threads don't.
`;
}

/** One contest as a heading and a table, as Markdown and for a terminal alike. */
export function contestSection(result: ContestResult): string {
  const { variant, threads, batch, data } = result.contest;
  const heading = `## ${variant}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, batch ${batch}, ${data} images`;
  const left = result.leftOut.map((line) => `\nLeft out: ${line}.\n`).join('');
  return `${heading}\n\n${table(columns, standings(result).map(rowOf))}${left}`;
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

function circumstancesTable(found: Circumstances, versions: TrainResults['versions']): string {
  const software = Object.entries({ node: found.node, ...versions });
  const instructions = found.instructions?.join(', ') || 'none of those looked for';
  return table(
    ['', ''],
    [
      ['processor', `${found.processor}, ${found.cores} cores usable`],
      ['instructions', found.instructions === undefined ? 'not known' : instructions],
      ['memory', `${(found.memoryBytes / 2 ** 30).toFixed(1)} GiB`],
      ['system', found.system],
      ['versions', software.map(([name, version]) => `${name} ${version}`).join(', ')],
      ['commit', found.commit ?? 'not known'],
      ['load average before', found.loadBefore.toFixed(2)],
      ['date', found.startedAt],
    ],
  );
}

/** A Markdown table whose columns also line up as text; all but the first are set to the right where they have headings. */
function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, i) =>
    Math.max(3, heading.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const isRight = (i: number) => i > 0 && headings[i] !== '';
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (isRight(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join(' | ')} |\n`;
  const rule = widths.map((width, i) => (isRight(i) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return line(headings) + line(rule) + rows.map(line).join('');
}
