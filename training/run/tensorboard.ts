/**
 * An event file, so that TensorBoard shows a run: the rows of metrics.csv as scalars, and the configuration as
 * text. The file follows from run.json and the rows, and only grows, because TensorBoard continues to read
 * where it stopped.
 *
 * Each record is a length (uint64), its checksum, an Event message and its checksum, little-endian. Checksums
 * are masked CRC-32C (TensorFlow, core/lib/io/record_writer.h, core/lib/hash/crc32c.h, core/util/event.proto).
 */
import { existsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { markdownTable } from 'markdown-table';
import protobuf from 'protobufjs/minimal.js';
import type { MetricsRow } from '../../model/metrics.ts';
import type { Run } from '../../model/run-file.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { readIfThere } from '../../node/optional-file.ts';
import { writingTo } from '../../node/output.ts';

/** Formats of experiment trackers that a run can be written in. */
export const loggers = ['tensorboard'] as const;
export type Logger = (typeof loggers)[number];

/** TensorBoard reads files with `tfevents` in their names. */
export const tensorboardFile = 'events.out.tfevents.textura';

/** The format that a run directory is written in, which a resumed run continues. */
export function loggerOf(directory: string): Logger | undefined {
  return existsSync(join(directory, tensorboardFile)) ? 'tensorboard' : undefined;
}

/**
 * Brings the event file of a run directory up to date. A file that the rows do not continue, for example because
 * a crash cut it off, is replaced. Errors: `output-unwritable`.
 */
export async function writeTensorboard(
  directory: string,
  run: Run,
  rows: readonly MetricsRow[],
): Promise<void> {
  const path = join(directory, tensorboardFile);
  const events = tensorboardEvents(run, rows);
  const written = (await readIfThere(path)) ?? new Uint8Array();
  const isContinued = events.subarray(0, written.length).equals(written);
  if (written.length === 0 || !isContinued) return writeFileAtomically(path, events);
  await writingTo(path, () => appendFile(path, events.subarray(written.length)));
}

/** The whole event file. */
export function tensorboardEvents(
  { config, startedAt, textura }: Pick<Run, 'config' | 'startedAt' | 'textura'>,
  rows: readonly MetricsRow[],
): Buffer {
  const settings = Object.entries({ textura, ...config })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, String(value)]);
  const start = Date.parse(startedAt) / 1000;
  const texts = { configuration: markdownTable([['setting', 'value'], ...settings]) };
  const records = [event(start, (writer) => writer.uint32(tag(3, bytes)).string('brain.Event:2'))];
  records.push(event(start, (writer) => writeSummary(writer, 0, { texts })));
  let seconds = 0;
  for (const row of rows) {
    seconds += row.seconds;
    records.push(
      event(start + seconds, (writer) => writeSummary(writer, row.epoch, { scalars: scalarsOf(row) })),
    );
  }
  return Buffer.concat(records.map(record));
}

function scalarsOf(row: MetricsRow): Readonly<Record<string, number>> {
  const { split, objective, top1err, top5err, balanced_top1err, images_per_second, learning_rate } = row;
  return {
    [`loss/${split}`]: objective,
    [`top-1 error/${split}`]: top1err,
    [`top-5 error/${split}`]: top5err,
    ...(balanced_top1err !== undefined && { [`balanced top-1 error/${split}`]: balanced_top1err }),
    [`images per second/${split}`]: images_per_second,
    ...(split === 'train' && { 'learning rate': learning_rate }),
  };
}

/** Wire types of protocol buffers. */
const [varint, fixed64, bytes, fixed32] = [0, 1, 2, 5] as const;

function tag(field: number, wireType: number): number {
  return (field << 3) | wireType;
}

/** An Event: its time in seconds since 1970, and one other field. */
function event(seconds: number, writeContent: (writer: protobuf.Writer) => void): Uint8Array {
  const writer = new protobuf.Writer();
  writer.uint32(tag(1, fixed64)).double(seconds);
  writeContent(writer);
  return writer.finish();
}

/** The fields `step` and `summary` of an Event. */
function writeSummary(
  writer: protobuf.Writer,
  step: number,
  {
    scalars = {},
    texts = {},
  }: {
    readonly scalars?: Readonly<Record<string, number>>;
    readonly texts?: Readonly<Record<string, string>>;
  },
): void {
  if (step > 0) writer.uint32(tag(2, varint)).int64(step);
  writer.uint32(tag(5, bytes)).fork();
  for (const [name, value] of Object.entries(scalars)) {
    writer.uint32(tag(1, bytes)).fork();
    writer.uint32(tag(1, bytes)).string(name).uint32(tag(2, fixed32)).float(value).ldelim();
  }
  for (const [name, text] of Object.entries(texts)) writeText(writer, name, text);
  writer.ldelim();
}

/** A value for the plugin "text": a tensor of one string. */
function writeText(writer: protobuf.Writer, name: string, text: string): void {
  const stringType = 7;
  writer.uint32(tag(1, bytes)).fork();
  writer.uint32(tag(1, bytes)).string(name);
  writer.uint32(tag(8, bytes)).fork();
  writer.uint32(tag(1, varint)).int32(stringType).uint32(tag(8, bytes)).string(text).ldelim();
  writer.uint32(tag(9, bytes)).fork().uint32(tag(1, bytes)).fork();
  writer.uint32(tag(1, bytes)).string('text').ldelim().ldelim();
  writer.ldelim();
}

function record(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(message.length + 16);
  framed.writeBigUInt64LE(BigInt(message.length));
  framed.writeUInt32LE(maskedChecksum(framed.subarray(0, 8)), 8);
  framed.set(message, 12);
  framed.writeUInt32LE(maskedChecksum(message), 12 + message.length);
  return framed;
}

function maskedChecksum(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** The Castagnoli polynomial, its bits reversed. */
const polynomial = 0x82f63b78;
const remainders = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ polynomial : rest >>> 1;
  return rest;
});

/** CRC-32C; node:zlib has only CRC-32. */
function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crc >>> 8) ^ (remainders[(crc ^ byte) & 0xff] as number);
  return ~crc >>> 0;
}
