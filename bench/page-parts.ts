/** Parts of the pages that measurements write. */
import { markdownTable } from 'markdown-table';
import type { Circumstances } from './circumstances.ts';

/** Load on the machine cancels from a ratio only as far as it strikes both sides alike. */
export function busyNote({ loadBefore, cores }: Circumstances): string {
  if (loadBefore < 0.25 * cores) return '';
  return `
**The machine was busy with other work** (load average ${loadBefore.toFixed(1)} on ${cores} cores before the run): the rates are lower than on an idle
one, and ratios are uncertain too, for a runtime whose threads wait for each other loses more than one whose threads don't.
`;
}

/** On what, with what and by which command it was measured, as the end of a page. */
export function measuredOn(
  found: Circumstances,
  versions: Readonly<Record<string, string>>,
  command: string,
): string {
  return `## Measured on

${circumstancesTable(found, versions)}
Made by

\`\`\`sh
${command}
\`\`\`
`;
}

function circumstancesTable(found: Circumstances, versions: Readonly<Record<string, string>>): string {
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
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const align = headings.map((heading, i) => (i > 0 && heading !== '' ? 'right' : null));
  return `${markdownTable([headings, ...rows], { align })}\n`;
}
