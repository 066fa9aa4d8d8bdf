/** TIFFs with the directories of camera raw files, made by hand (TIFF 6.0, section 2; TIFF/EP; DNG 1.7). */

export interface RawDirectory {
  readonly width: number;
  readonly height: number;
  /** PhotometricInterpretation: 1 grey, 2 RGB, 32803 colour filters. */
  readonly photometric: number;
  readonly make?: string;
  /** NewSubfileType 1: a smaller version of another image. */
  readonly isReduced?: boolean;
  readonly dngVersion?: readonly [number, number, number, number];
  readonly subImages?: readonly RawDirectory[];
}

type Endian = 'II' | 'MM';

/**
 * 8-bit samples of the photometric's channels, in a ramp; pages in order. `padding` bytes lie before the
 * first directory.
 */
export function tiffOf(
  pages: readonly RawDirectory[],
  { endian = 'II', padding = 0 }: { readonly endian?: Endian; readonly padding?: number } = {},
): Buffer {
  const isLittle = endian === 'II';
  const parts: Buffer[] = [Buffer.alloc(8 + padding)];
  let length = 8 + padding;
  const put = (part: Buffer): number => {
    const at = length;
    const even = part.length % 2 === 0 ? part : Buffer.concat([part, Buffer.alloc(1)]);
    parts.push(even);
    length += even.length;
    return at;
  };
  const [short, long] = [2, 4].map((bytes) => (value: number) => {
    const buffer = Buffer.alloc(4);
    if (bytes === 2) isLittle ? buffer.writeUInt16LE(value) : buffer.writeUInt16BE(value);
    else isLittle ? buffer.writeUInt32LE(value) : buffer.writeUInt32BE(value);
    return buffer;
  }) as [(value: number) => Buffer, (value: number) => Buffer];

  /** Writes the directory and gives where it is and where its link to the next page is. */
  function write(directory: RawDirectory): { readonly at: number; readonly link: () => Buffer } {
    const { width, height, photometric, make, isReduced, dngVersion, subImages = [] } = directory;
    const channels = photometric === 2 ? 3 : 1;
    const samples = put(Buffer.from(Array.from({ length: width * height * channels }, (_, i) => i % 251)));
    const bits =
      channels === 1
        ? short(8)
        : long(
            put(Buffer.concat([short(8).subarray(0, 2), short(8).subarray(0, 2), short(8).subarray(0, 2)])),
          );
    const entries: [tag: number, type: number, count: number, value: Buffer][] = [
      [256, 4, 1, long(width)],
      [257, 4, 1, long(height)],
      [258, 3, channels, bits],
      [259, 3, 1, short(1)],
      [262, 3, 1, short(photometric)],
      [273, 4, 1, long(samples)],
      [277, 3, 1, short(channels)],
      [278, 4, 1, long(height)],
      [279, 4, 1, long(width * height * channels)],
    ];
    if (isReduced) entries.push([254, 4, 1, long(1)]);
    if (make !== undefined) entries.push([271, 2, make.length + 1, long(put(Buffer.from(`${make}\0`)))]);
    if (dngVersion !== undefined) entries.push([50_706, 1, 4, Buffer.from(dngVersion)]);
    const subs = subImages.map((sub) => long(write(sub).at));
    const [only] = subs;
    if (only !== undefined) {
      entries.push([330, 4, subs.length, subs.length === 1 ? only : long(put(Buffer.concat(subs)))]);
    }
    entries.sort(([a], [b]) => a - b);
    const table = Buffer.concat([
      short(entries.length).subarray(0, 2),
      ...entries.flatMap(([tag, type, count, value]) => [
        short(tag).subarray(0, 2),
        short(type).subarray(0, 2),
        long(count),
        value,
      ]),
      Buffer.alloc(4),
    ]);
    return { at: put(table), link: () => table.subarray(table.length - 4) };
  }

  const head = parts[0] as Buffer;
  head.write(endian, 'latin1');
  short(42).copy(head, 2, 0, 2);
  let link = head.subarray(4, 8);
  for (const page of pages) {
    const written = write(page);
    long(written.at).copy(link);
    link = written.link();
  }
  return Buffer.concat(parts);
}

const sensor: RawDirectory = { width: 96, height: 80, photometric: 32_803 };

/** What cameras and converters write: a small first page and the sensor's data behind it. */
export const rawFiles: Readonly<Record<string, Buffer>> = {
  'Nikon raw': tiffOf([
    {
      width: 72,
      height: 66,
      photometric: 2,
      make: 'NIKON CORPORATION',
      isReduced: true,
      subImages: [{ width: 80, height: 70, photometric: 2, isReduced: true }, sensor],
    },
  ]),
  'DNG (camera raw)': tiffOf([
    {
      width: 72,
      height: 66,
      photometric: 2,
      make: 'Google',
      isReduced: true,
      dngVersion: [1, 4, 0, 0],
      subImages: [sensor],
    },
  ]),
  'Sony raw': tiffOf([{ width: 72, height: 66, photometric: 2, make: 'SONY', subImages: [sensor] }]),
  'Pentax raw': tiffOf([{ ...sensor, make: 'PENTAX Corporation' }], { endian: 'MM' }),
  'Samsung raw': tiffOf([{ width: 72, height: 66, photometric: 2, make: 'SAMSUNG', subImages: [sensor] }]),
};
