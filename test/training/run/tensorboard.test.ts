import { appendFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { MetricsRow } from '../../../model/metrics.ts';
import { readRun } from '../../../node/records.ts';
import { tensorboardEvents, tensorboardFile, writeTensorboard } from '../../../training/run/tensorboard.ts';
import { inventRun } from '../../support/invented-run.ts';

const { directory } = await inventRun();
const run = await readRun(directory);
const path = join(directory, tensorboardFile);

function rowsOf(epoch: number): readonly MetricsRow[] {
  const measured = {
    epoch,
    top1err: 0.5,
    top5err: 0.125,
    images_per_second: 100,
    learning_rate: 0.25,
    seconds: 3,
  };
  return [
    { ...measured, split: 'train', objective: 1.5 },
    { ...measured, split: 'val', objective: 1.25, balanced_top1err: 0.375 },
  ];
}

/** The messages of a file's records, as text, after their framing was checked against the lengths. */
function messages(file: Buffer): readonly string[] {
  const found: string[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    found.push(file.toString('latin1', at + 12, at + 12 + length));
    at += length + 16;
  }
  return found;
}

/** 4 bytes of a float32, as text. */
function float(value: number): string {
  const buffer = Buffer.alloc(4);
  buffer.writeFloatLE(value);
  return buffer.toString('latin1');
}

test('the first record is what TensorBoard 2.21 writes', () => {
  // tensorboard.summary.writer.record_writer, Event(wall_time=1000.5, file_version="brain.Event:2").
  const expected = '1800000000000000a37f4b22090000000000448f401a0d627261696e2e4576656e743a32aba33345';
  const events = tensorboardEvents({ ...run, startedAt: new Date(1_000_500).toISOString() }, []);
  expect(events.toString('hex')).toMatch(new RegExp(`^${expected}`));
});

test('every row becomes a record with its scalars', () => {
  const [, configuration, training, validation, ...others] = messages(tensorboardEvents(run, rowsOf(7)));
  expect(others).toEqual([]);
  expect(configuration).toContain('| variant');
  expect(training).toContain(`loss/train\x15${float(1.5)}`);
  expect(training).toContain(`learning rate\x15${float(0.25)}`);
  expect(validation).toContain(`loss/val\x15${float(1.25)}`);
  expect(validation).toContain(`balanced top-1 error/val\x15${float(0.375)}`);
  expect(validation).not.toContain('learning rate');
  // The field "step".
  for (const message of [training, validation]) expect(message?.slice(9, 11)).toBe('\x10\x07');
});

test('the file grows by the new epochs, and a cut or foreign file is replaced', async () => {
  const both = [...rowsOf(1), ...rowsOf(2)];
  await writeTensorboard(directory, run, rowsOf(1));
  const first = await readFile(path);
  await writeTensorboard(directory, run, both);
  const second = await readFile(path);
  expect(second.subarray(0, first.length).equals(first)).toBe(true);
  expect(second).toEqual(tensorboardEvents(run, both));
  for (const damage of [
    () => truncate(path, first.length + 5),
    () => appendFile(path, 'more'),
    () => writeFile(path, 'foreign'),
  ]) {
    await damage();
    await writeTensorboard(directory, run, both);
    expect(await readFile(path)).toEqual(second);
  }
});
