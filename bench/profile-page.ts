/** docs/bench-profile.md: where the time of a training step goes, in tables. */

import type { Circumstances } from './circumstances.ts';
import { busyNote, measuredOn, table } from './page-parts.ts';
import { type ProfileRow, type StepPhase, type StepProfile, stepPhases, totalMs } from './step-profile.ts';
import type { Contest } from './train-contenders.ts';

export interface ProfiledContest {
  readonly contest: Contest;
  readonly profile: StepProfile;
}

export function profilePage(
  profiled: readonly ProfiledContest[],
  circumstances: Circumstances,
  versions: Readonly<Record<string, string>>,
  command: string,
): string {
  return `# Where the time of a training step goes

The onnx engine's step, as onnxruntime records it operator by operator, summed by layer and by operator. A pooling that follows a convolution, and the
bias, are a part of the convolution's row. GFLOP/s count the multiply-adds of matrix products (two operations each) over all of the row's time: adding,
comparing and moving values count as time alone. Recording makes a step a little slower.
${busyNote(circumstances)}
${profiled.map(profileSection).join('\n')}
${measuredOn(circumstances, versions, command)}`;
}

/** One profile as a heading and two tables, as Markdown and for a terminal alike. */
export function profileSection({ contest, profile }: ProfiledContest): string {
  const { variant, threads, batch } = contest;
  const { steps, stepMs, layers, operators } = profile;
  const rate = ((batch / stepMs) * 1000).toFixed(0);
  return `## ${variant}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, batch ${batch}: ${stepMs.toFixed(0)} ms a step (${rate} images/s), mean of ${steps}

${rowsTable('layer', layers, stepMs)}
${rowsTable('operator', operators, stepMs)}`;
}

function rowsTable(heading: string, rows: readonly ProfileRow[], stepMs: number): string {
  const accounted = rows.reduce((sum, row) => sum + totalMs(row), 0);
  const phaseTotal = (phase: StepPhase) => rows.reduce((sum, { ms }) => sum + ms[phase], 0);
  const total: ProfileRow = {
    name: 'all',
    ms: { forward: phaseTotal('forward'), backward: phaseTotal('backward'), update: phaseTotal('update') },
    multiplyAdds: rows.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0),
  };
  const between = ['between operators', '', '', '', ...msAndShare(stepMs - accounted, stepMs), ''];
  return table(
    [heading, ...stepPhases.map((phase) => `${phase} ms`), 'ms', 'share', 'GFLOP/s'],
    [...[...rows, total].map((row) => cellsOf(row, stepMs)), between],
  );
}

function cellsOf(row: ProfileRow, stepMs: number): readonly string[] {
  const ms = totalMs(row);
  const gigaflops = (2 * row.multiplyAdds) / (ms * 1e6);
  return [
    row.name,
    ...stepPhases.map((phase) => (row.ms[phase] === 0 ? '' : row.ms[phase].toFixed(1))),
    ...msAndShare(ms, stepMs),
    row.multiplyAdds === 0 ? '' : gigaflops.toFixed(1),
  ];
}

function msAndShare(ms: number, stepMs: number): readonly [string, string] {
  return [ms.toFixed(1), `${((100 * ms) / stepMs).toFixed(1)} %`];
}
