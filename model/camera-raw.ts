/**
 * Detects camera raw files that use the TIFF container (NEF, ARW, DNG, ...). A TIFF decoder would silently
 * read their first page, which is a thumbnail of about 160x120 pixels. Detection reads the directories (TIFF
 * 6.0, section 2; TIFF/EP; DNG 1.7).
 */

/**
 * The name of the raw format, from the TIFF directories within the given bytes. Undefined for an ordinary
 * TIFF.
 */
export function cameraRawName(bytes: Uint8Array): string | undefined {
  // Phase One stores its data in a separate block after the TIFF header.
  if (/^(IIII.waR|MMMMRaw)/s.test(String.fromCharCode(...bytes.subarray(8, 16)))) return 'Phase One raw';
  const directories = tiffDirectories(bytes);
  const [first, ...others] = directories;
  if (first === undefined) return undefined;
  if (first.hasDngVersion) return 'DNG (camera raw)';
  if (directories.some(({ holdsSensorData }) => holdsSensorData)) return `${makerOf(first.make)} raw`;
  const isThumbnail =
    others.some((other) => other.isSubImage && other.pixels > first.pixels) ||
    (first.isReduced && (first.hasSubImages || others.length > 0));
  if (!isThumbnail) return undefined;
  return first.make === '' ? 'TIFF whose first page is a thumbnail' : `${makerOf(first.make)} raw`;
}

interface Directory {
  /** Width x height; 0 if the directory lacks them. */
  readonly pixels: number;
  readonly make: string;
  /**
   * Whether another directory points to it, as a thumbnail's directory points to the sensor data. Other
   * directories are pages.
   */
  readonly isSubImage: boolean;
  /** Whether it is marked as a reduced version of another image in the file. */
  readonly isReduced: boolean;
  readonly hasSubImages: boolean;
  readonly hasDngVersion: boolean;
  /** Colour filter array data, or demosaiced linear data. */
  readonly holdsSensorData: boolean;
}

const tags = {
  newSubfileType: 254,
  width: 256,
  height: 257,
  photometric: 262,
  make: 271,
  subImages: 330,
  filterPattern: 33_421,
  dngVersion: 50_706,
} as const;

/** PhotometricInterpretation: a colour filter array (TIFF/EP), LinearRaw (DNG). */
const sensorPhotometrics: ReadonlySet<number> = new Set([32_803, 34_892]);

/** More than any camera writes. A malicious file can link directories in a circle. */
const mostDirectories = 32;
const mostEntries = 512;

/** The file's pages and the images that they point to, the first page first. */
function tiffDirectories(bytes: Uint8Array): readonly Directory[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const order = bytes.length >= 8 ? String.fromCharCode(bytes[0] ?? 0, bytes[1] ?? 0) : '';
  // BigTIFF (43) has 8-byte offsets; no camera writes it.
  if ((order !== 'II' && order !== 'MM') || view.getUint16(2, order === 'II') !== 42) return [];
  const reader: TiffReader = { view, isLittle: order === 'II' };
  const found: Directory[] = [];
  const seen = new Set<number>();
  const waiting = [{ offset: view.getUint32(4, reader.isLittle), isSubImage: false }];
  for (const { offset, isSubImage } of waiting) {
    if (found.length === mostDirectories) break;
    if (seen.has(offset)) continue;
    seen.add(offset);
    const entries = entriesAt(reader, offset);
    if (entries === undefined) continue;
    found.push(directoryOf(reader, entries, isSubImage));
    const subImages = numbersOf(reader, entries.byTag.get(tags.subImages));
    waiting.push(...subImages.map((sub) => ({ offset: sub, isSubImage: true })));
    if (entries.next !== 0) waiting.push({ offset: entries.next, isSubImage });
  }
  return found;
}

interface TiffReader {
  readonly view: DataView;
  readonly isLittle: boolean;
}

interface Entry {
  readonly type: number;
  readonly count: number;
  /** Byte offset of its value, inside the entry or elsewhere. */
  readonly at: number;
}

interface Entries {
  readonly byTag: ReadonlyMap<number, Entry>;
  /** Offset of the next page; 0 for none. */
  readonly next: number;
}

/** Bytes of a value of each TIFF type, 1 (BYTE) to 13 (IFD). */
const typeBytes: readonly number[] = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];

function entriesAt({ view, isLittle }: TiffReader, offset: number): Entries | undefined {
  if (offset < 8 || offset + 2 > view.byteLength) return undefined;
  const count = Math.min(view.getUint16(offset, isLittle), mostEntries);
  const byTag = new Map<number, Entry>();
  let at = offset + 2;
  for (let i = 0; i < count && at + 12 <= view.byteLength; i++, at += 12) {
    const type = view.getUint16(at + 2, isLittle);
    const values = view.getUint32(at + 4, isLittle);
    const isInside = values * (typeBytes[type] ?? 1) <= 4;
    byTag.set(view.getUint16(at, isLittle), {
      type,
      count: values,
      at: isInside ? at + 8 : view.getUint32(at + 8, isLittle),
    });
  }
  return { byTag, next: at + 4 <= view.byteLength ? view.getUint32(at, isLittle) : 0 };
}

function directoryOf(reader: TiffReader, { byTag }: Entries, isSubImage: boolean): Directory {
  const number = (tag: number) => numbersOf(reader, byTag.get(tag))[0] ?? 0;
  return {
    pixels: number(tags.width) * number(tags.height),
    make: textOf(reader, byTag.get(tags.make)),
    isSubImage,
    isReduced: (number(tags.newSubfileType) & 1) === 1,
    hasSubImages: byTag.has(tags.subImages),
    hasDngVersion: byTag.has(tags.dngVersion),
    holdsSensorData: sensorPhotometrics.has(number(tags.photometric)) || byTag.has(tags.filterPattern),
  };
}

/** The first values of a SHORT, LONG or IFD entry; empty if they lie outside the given bytes. */
function numbersOf({ view, isLittle }: TiffReader, entry: Entry | undefined): readonly number[] {
  const bytes = typeBytes[entry?.type ?? 0];
  if (entry === undefined || (bytes !== 2 && bytes !== 4)) return [];
  const numbers: number[] = [];
  for (let i = 0; i < Math.min(entry.count, mostDirectories); i++) {
    const at = entry.at + i * bytes;
    if (at + bytes > view.byteLength) break;
    numbers.push(bytes === 2 ? view.getUint16(at, isLittle) : view.getUint32(at, isLittle));
  }
  return numbers;
}

function textOf({ view }: TiffReader, entry: Entry | undefined): string {
  if (entry === undefined || entry.type !== 2) return '';
  const end = Math.min(entry.at + Math.min(entry.count, 64), view.byteLength);
  let text = '';
  for (let at = entry.at; at < end; at++) text += String.fromCharCode(view.getUint8(at));
  return text;
}

/** Makers by the first word of their Make tag. Text from the file never appears in a message. */
const makers = [
  'Nikon',
  'Sony',
  'Canon',
  'Pentax',
  'Samsung',
  'Hasselblad',
  'Kodak',
  'Epson',
  'Leica',
  'Leaf',
  'Mamiya',
  'Ricoh',
  'Phase One',
];

function makerOf(make: string): string {
  const written = make.replace(/^eastman /i, '').toLowerCase();
  return makers.find((maker) => written.startsWith(maker.toLowerCase())) ?? 'Camera';
}
