/**
 * The numbers that a report may contain, computed from the files of its run directory independently of the
 * report's code.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeLayers, parameterSpecs, totalsOf, trainingStepBytes } from '../../model/description.ts';
import { metricsFromCsv } from '../../model/metrics.ts';
import { networkOf } from '../../model/network.ts';
import { readConfusion } from '../../report/confusion.ts';

/** Every number of the files, and what follows from them, in the forms in which a person would write it. */
export async function knownNumbers(directory: string): Promise<ReadonlySet<string>> {
  const known = new Set<string>();
  const add = (value: number) => {
    for (const digits of [0, 1, 2, 3]) known.add(value.toFixed(digits));
    known.add(String(value));
    known.add(String(Number(value.toPrecision(3))));
    known.add(String(Math.ceil(value)));
  };
  const runText = await readFile(join(directory, 'run.json'), 'utf8');
  for (const token of runText.match(/\d+(?:\.\d+)*/g) ?? []) {
    known.add(token);
    add(Number(token));
  }
  // The clock of run.json, as `8:09`.
  known.add('08').add('09');
  const run = JSON.parse(runText);
  const rows = metricsFromCsv(await readFile(join(directory, 'metrics.csv'), 'utf8'), 'metrics.csv');
  for (const row of rows)
    Object.values(row)
      .filter((value) => typeof value === 'number')
      .forEach(add);
  const seconds = rows.reduce((sum, row) => sum + row.seconds, 0);
  for (const part of [seconds / 60, seconds % 60]) add(Math.floor(part));
  const { counts } = (await readConfusion(directory)) ?? { counts: [] };
  addConfusion(counts, add);
  addNetwork(run.config.variant, run.labels.length, run.config.batch, add);
  // Out of a hundred, and what guessing among the classes gets wrong.
  for (const value of [100, 100 * (1 - 1 / run.labels.length)]) add(value);
  for (const share of [run.best.top1err, run.best.top5err]) add(100 * share);
  return known;
}

function addConfusion(counts: readonly (readonly number[])[], add: (value: number) => void): void {
  const total = counts.flat().reduce((sum, value) => sum + value, 0);
  const right = counts.reduce((sum, row, c) => sum + (row[c] ?? 0), 0);
  for (const value of [total, total - right, (100 * (total - right)) / total]) add(value);
  counts.forEach((row, c) => {
    const patches = row.reduce((sum, value) => sum + value, 0);
    const own = row[c] ?? 0;
    const taken = counts.reduce((sum, other) => sum + (other[c] ?? 0), 0) - own;
    for (const value of [patches, patches - own, taken, (100 * (patches - own)) / patches]) add(value);
    for (const value of row) for (const shown of [value, (100 * value) / patches]) add(shown);
  });
}

function addNetwork(
  variant: 'lab-baseline',
  classes: number,
  batch: number,
  add: (value: number) => void,
): void {
  const network = networkOf(variant, classes);
  const layers = describeLayers(network);
  const { parameters, multiplyAdds, activationBytes } = totalsOf(layers);
  const counted = [parameters, multiplyAdds, parameterSpecs(network).length];
  const memory = [activationBytes * batch, trainingStepBytes(network, batch)];
  for (const layer of layers) {
    counted.push(layer.parameterCount, layer.multiplyAdds, layer.receptiveFieldPx, layer.stridePx);
    memory.push(layer.activationBytes * batch);
  }
  for (const value of counted) add(value);
  for (const value of memory) for (const unit of [2 ** 10, 2 ** 20]) add(value / unit);
}
