/** What all pages of figures share: their structure, their tables, and the description of the environment. */
import { join } from 'node:path';
import { markdownTable } from 'markdown-table';
import { counted } from '../model/words.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import type { Terminal } from '../node/terminal.ts';
import type { Environment } from './environment.ts';
import { spreadOf } from './statistics.ts';

/** How a page's figures were measured. */
export interface Origin {
  readonly environment: Environment;
  /** Packages and their versions. */
  readonly versions: Readonly<Record<string, string>>;
  /** Candidates that could not be measured, each with the reason. */
  readonly leftOut?: readonly string[];
  /** The command that measures the page again. */
  readonly command: string;
}

/** A page in Markdown: its introduction (title included), its sections, and how it was measured. */
export function benchPage(
  introduction: string,
  sections: readonly string[],
  { environment, versions, leftOut = [], command }: Origin,
  measures: 'speed' | 'memory' = 'speed',
): string {
  const note = measures === 'speed' ? loadNote(environment) : '';
  return `${[introduction + note, ...sections, leftOutText(leftOut)].filter(Boolean).join('\n')}
## Environment

${environmentTable(environment, versions)}
To measure this page again:

\`\`\`sh
${command}
\`\`\`
`;
}

/** Writes files, by name, into a folder and prints where they are. */
export async function publish(
  folder: string,
  files: Readonly<Record<string, string>>,
  terminal: Terminal,
): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFileAtomically(join(folder, name), text);
  const paths = Object.keys(files).map((name) => join(folder, name));
  terminal.line(`Wrote ${paths.join(' and ')}.`);
}

/** A line for each candidate that could not be measured. */
export function leftOutText(leftOut: readonly string[]): string {
  return leftOut.map((line) => `Not measured: ${line}.\n`).join('\n');
}

/** Says so if other programs used more than a quarter of the machine. */
export function loadNote({ loadBefore, cores }: Pick<Environment, 'loadBefore' | 'cores'>): string {
  if (loadBefore < 0.25 * cores) return '';
  return `
**The machine was not idle**: in the minute before the measurement, ${loadBefore.toFixed(1)} threads on average were running or
waiting for a processor (load average), on ${counted(cores, 'core')}. If those programs continued, rates are lower than on an
idle machine, and ratios are less certain: load slows a program down more if its threads wait for each other.
`;
}

function environmentTable(environment: Environment, versions: Readonly<Record<string, string>>): string {
  const software = Object.entries({ node: environment.node, ...versions });
  return alignedTable(
    ['', ''],
    [
      ['processor', `${environment.processor}, ${environment.cores} cores usable`],
      ['vector instructions', environment.instructions?.join(', ') ?? 'unknown'],
      ['memory', `${(environment.memoryBytes / 2 ** 30).toFixed(1)} GiB`],
      ['system', environment.system],
      ['versions', software.map(([name, version]) => `${name} ${version}`).join(', ')],
      ['commit', environment.commit ?? 'unknown'],
      ['load average at start', environment.loadBefore.toFixed(2)],
      ['date', environment.startedAt],
    ],
  );
}

/** A Markdown table with aligned columns; columns with a heading are right-aligned, except the first. */
export function alignedTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const align = headings.map((heading, i) => (i > 0 && heading !== '' ? 'right' : null));
  return `${markdownTable([headings, ...rows], { align })}\n`;
}

/** Two cells: the median, and the quartiles as `90 to 110`. */
export function rateCells(rates: readonly number[], digits = 0): readonly [string, string] {
  const { median, lowerQuartile, upperQuartile } = spreadOf(rates);
  return [median.toFixed(digits), `${lowerQuartile.toFixed(digits)} to ${upperQuartile.toFixed(digits)}`];
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

export function wholePercent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

export function threadsText(threads: number): string {
  return counted(threads, 'thread');
}
